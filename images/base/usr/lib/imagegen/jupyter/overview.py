"""The organiser's page as plain values, from what Docker and JupyterHub say."""
from imagegen.jupyter import specification

GIB = 2**30


def of(nodes, tasks, students, words, options, own_address):
    """`students` are {name: (started, memory in bytes or None)} of the servers that run; `words` the machines' last ones.
    Without `nodes` (None), nothing is said of machines."""
    # What left the swarm before it had told its name stays there for a while, and is no machine.
    nodes = nodes and [node for node in nodes if "Hostname" in node["Description"]]
    running = [task for task in tasks if specification.is_alive(task) and student(task)]
    task_of = {student(task): task for task in reversed(running)}
    names = {node["ID"]: node["Description"]["Hostname"] for node in nodes or []}
    found = {"students": [row(name, *students[name], task_of.get(name), names) for name in sorted(students)]}
    if nodes is None:
        return {**found, "machines": None, "troubles": []}
    machines = [machine(node, running, words, options, own_address) for node in nodes if carries(node, options)]
    return {
        **found,
        "machines": sorted(machines, key=lambda each: each["name"]),
        "room": sum(each["room"] for each in machines),
        "troubles": troubles(machines),
    }


def student(task):
    return (task["Spec"]["ContainerSpec"].get("Labels") or {}).get("imagegen.student")


def carries(node, options):
    return node["Spec"]["Role"] == "worker" or options["on_hub"]


def machine(node, running, words, options, own_address):
    resources = node["Description"]["Resources"]
    here = [task for task in running if task.get("NodeID") == node["ID"]]
    left = resources["MemoryBytes"] - len(here) * options["reserve"]
    ready = specification.is_ready(node)
    image = bool(options["image"]) or specification.LABEL in specification.engine_labels(node)
    name = node["Description"]["Hostname"]
    return {
        "name": name,
        "address": specification.address(node, own_address),
        "state": "ready" if ready else f"{node['Status']['State']}, {node['Spec']['Availability']}",
        "ready": ready,
        "image": image,
        "cpus": resources["NanoCPUs"] / 1e9,
        "memory": resources["MemoryBytes"] / GIB,
        "students": len(here),
        "room": max(0, int(left // options["reserve"])) if ready and image else 0,
        "word": words.get(name, {}).get("text", ""),
    }


def row(name, started, memory, task, names):
    return {
        "name": name,
        "machine": names.get(task.get("NodeID"), "") if task else "",
        "state": task["Status"]["State"] if task else "",
        "started": started,
        "memory": None if memory is None else memory / 2**20,
    }


def troubles(machines):
    if not machines:
        return ["No node has joined yet."]
    found = [f"{each['name']} is {each['state']}." for each in machines if not each["ready"]]
    found += [f"{each['name']} has no notebook image." for each in machines if each["ready"] and not each["image"]]
    if not sum(each["room"] for each in machines):
        found.append("There is no room for another student: launch one more node.")
    return found
