"""A Dockerfile's stages, for the tests that have no Docker."""
import re


def stages(path):
    """[[(INSTRUCTION, rest of the line)]], a list for each FROM; ARG before the first FROM is filled in."""
    with open(path, encoding="utf-8") as file:
        text = "".join(line for line in file if not line.lstrip().startswith("#"))
    text = re.sub(r"\\\n\s*", " ", text)
    found, arguments = [], {}
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, rest = line.split(None, 1)
        if instruction == "ARG" and not found:
            name, value = rest.split("=", 1)
            arguments[name] = value
        elif instruction == "FROM":
            found.append([(instruction, re.sub(r"\$\{(\w+)\}", lambda match: arguments[match.group(1)], rest))])
        else:
            found[-1].append((instruction, rest))
    return found


def one(stage, instruction):
    """What the stage's only instruction of this kind says."""
    [rest] = [rest for name, rest in stage if name == instruction]
    return rest


def environment(stage):
    return dict(word.split("=", 1) for name, rest in stage if name == "ENV" for word in rest.split())
