"""Compares programs that travelled with the ones in the project: they must mean the same.

Usage: same_program.py UNPACKED LIBRARY. Prints the programs that it compared; what is only for ordinary images is left
out."""

import ast
import glob
import os
import sys


class Runtime(ast.NodeTransformer):
    """Leaves out what only people and type checkers read."""

    def generic_visit(self, node):
        super().generic_visit(node)
        if isinstance(getattr(node, "body", None), list):
            node.body = [each for each in node.body if not is_prose(each) and not is_for_types(each)] or [ast.Pass()]
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        arguments = node.args
        for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
            if each:
                each.annotation = None
        node.body = [without_annotation(each) for each in node.body]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node):
        node.names = [name for name in node.names if name.name not in ("TYPE_CHECKING", "annotations")]
        return node if node.names else None


def without_annotation(statement):
    if isinstance(statement, ast.AnnAssign) and statement.value:
        return ast.Assign(targets=[statement.target], value=statement.value, lineno=0)
    return statement


def is_prose(statement):
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr)
        and isinstance(value, ast.Constant)
        and (isinstance(value.value, str) or value.value is ...)
    )


def is_for_types(statement):
    return (
        isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
    )


class Nested(ast.NodeTransformer):
    """Annotated variables within blocks of functions."""

    def visit_AnnAssign(self, node):
        return without_annotation(node) if node.simple and not self.in_class else node

    in_class = False

    def visit_ClassDef(self, node):
        outer, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_FunctionDef(self, node):
        outer, self.in_class = self.in_class, False
        self.generic_visit(node)
        self.in_class = outer
        return node


def meaning(path):
    with open(path) as file:
        tree = ast.parse(file.read())
    return ast.dump(Runtime().visit(Nested().visit(tree)))


def main(unpacked, library):
    root = f"{unpacked}/usr/lib/imagegen"
    for path in sorted(glob.glob(f"{root}/**/*.py", recursive=True)):
        source = os.path.join(library, os.path.relpath(path, root))
        if not os.path.exists(source):
            continue
        if meaning(path) != meaning(source):
            sys.exit(f"{path} means something else than {source}")
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
