//! Which file takes something from which.
//!
//! An arrow leads from a file to the file that *defines* what it names. A re-export (`pub use child::Type;` in a module
//! file) is looked through: whoever imports the type from the module file depends on the child, and the module file itself
//! depends on the child only if its own code uses the type. `mod child;` alone is no arrow. So a module file may compose its
//! children, and they may use what it defines, but not both at once.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// Sources by their paths below `src/`.
pub type Sources = BTreeMap<String, Source>;

/// The files that each file takes something from.
pub type Graph = BTreeMap<String, BTreeSet<String>>;

type Module = Vec<String>;

/// Where each module is.
struct Modules<'a> {
    sources: &'a Sources,
    files: BTreeMap<Module, &'a str>,
}

/// The module that a file is.
fn module_of(file: &str) -> Module {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

impl Modules<'_> {
    fn absolute(&self, file: &str, path: &[String]) -> Option<Module> {
        let here = module_of(file);
        let rest = |count: usize| path[count..].to_vec();
        match path[0].as_str() {
            "crate" => Some(rest(1)),
            "imagegen" if file == "main.rs" => Some(rest(1)),
            "self" => Some([here, rest(1)].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                Some([here[..here.len().checked_sub(up)?].to_vec(), rest(up)].concat())
            }
            _ => {
                let child = [here.clone(), path[..1].to_vec()].concat();
                self.files.contains_key(&child).then(|| [here, path.to_vec()].concat())
            }
        }
    }

    /// The file that defines what an absolute path names.
    fn file(&self, path: &[String], depth: usize) -> Option<&str> {
        let known = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let file = self.files[&path[..known]];
        let rest = &path[known..];
        let import =
            rest.first().and_then(|name| self.sources[file].imports.iter().find(|it| it.name == *name));
        match import.and_then(|import| self.absolute(file, &import.path)) {
            Some(origin) if depth < 9 => self.file(&[origin, rest[1..].to_vec()].concat(), depth + 1),
            _ => Some(file),
        }
    }
}

/// Every arrow between two files.
pub fn files(sources: &Sources) -> Graph {
    let files = sources.keys().map(|file| (module_of(file), file.as_str())).collect();
    let modules = Modules { sources, files };
    let mut graph = Graph::new();
    for (file, source) in sources {
        let used = source.imports.iter().filter(|it| !it.exported || source.words.contains(&it.name));
        for path in used.map(|it| &it.path).chain(&source.paths) {
            let target = modules.absolute(file, path).and_then(|path| modules.file(&path, 0));
            if let Some(target) = target.filter(|target| target != file) {
                graph.entry(file.clone()).or_default().insert(target.to_owned());
            }
        }
    }
    graph
}

/// The room of a file: the first folder below `src/`.
pub fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// The arrows between rooms, each with one between two files that shows it.
pub fn rooms(graph: &Graph) -> BTreeMap<(String, String), String> {
    let mut rooms = BTreeMap::new();
    for (from, targets) in graph {
        for to in targets.iter().filter(|to| room(to) != room(from)) {
            let arrow = (room(from).to_owned(), room(to).to_owned());
            rooms.entry(arrow).or_insert_with(|| format!("{from} → {to}"));
        }
    }
    rooms
}

/// Every file that can reach itself, with the way back.
pub fn cycles(graph: &Graph) -> Vec<String> {
    let reach = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut left: Vec<&String> = graph.get(start).into_iter().flatten().collect();
        while let Some(file) = left.pop() {
            if seen.insert(file.clone()) {
                left.extend(graph.get(file).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = graph.keys().map(|file| (file, reach(file))).collect();
    let mut cycles = BTreeSet::new();
    for (file, files) in reached.iter().filter(|(file, files)| files.contains(**file)) {
        let back = files.iter().filter(|it| reached.get(it).is_some_and(|files| files.contains(*file)));
        cycles.insert(back.cloned().collect::<Vec<_>>().join(", "));
    }
    cycles.into_iter().collect()
}
