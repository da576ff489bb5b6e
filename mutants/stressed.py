# SPDX-License-Identifier: GPL-2.0-only
"""gm-stress hunt on planted defects: its commands, and the lines of stress.txt."""
import textwrap

CAUGHT, MISSED = "caught", "MISSED"
NONE = {"name": "none", "defect": "no defect: everything must hold"}
NOT_REACHED = "no program reached its place"


def seeds(row):
    """The rows of stress.tsv are races, which need luck: they get more seeds."""
    return 10 if row["area"] == "stress" else 3


def command(row):
    """The shell code of a row, with functions of batch.HEAD. Without a defect also lists the places reached."""
    if row["name"] == "none":
        return "hunt none 3\necho '@part kernel'\nuname -srm\necho '@part reached'\ncat /proc/gm_reached"
    return f"hunt {row['name']} {seeds(row)}"


def reached(row, places):
    """Whether to test the row: only if a program reaches the place of the defect. Races always."""
    return row["area"] == "stress" or row["name"] in places


def line(row, word, kind, message):
    """A row of stress.txt. message: seed, operations, seconds, clause and text, between tabs, or a reason."""
    field = message.split("\t")
    if message == NOT_REACHED:
        return f"{row['name']:<27} missed  {message}"
    if word == MISSED:
        return f"{row['name']:<27} missed  all, {field[0]} seeds{'':<26} {field[1]:>6} operations  {field[2]:>5} s"
    if word == CAUGHT:
        return (f"{row['name']:<27} caught  {kind:<31}  seed {field[0]:<2} {field[1]:>6} operations  "
                f"{field[2]:>5} s  {field[3]}")
    return f"{row['name']:<27} {word}  {kind}  {' '.join(field)}".rstrip()


def table(rows):
    """The text of stress.txt for a list of (row, word, kind, message)."""
    rows = sorted(rows, key=lambda r: r[0]["name"])
    clean = [(row, message.split("\t")) for row, _, _, message in rows if row["name"] == "none"]
    rows = [r for r in rows if r[0]["name"] != "none"]
    caught = sum(word == CAUGHT for _, word, _, _ in rows)
    head = f"""\
        Which planted defects the stress alone catches: gm-stress hunt, a program of each of eleven kinds for seeds
        1 to 3 (1 to 10 for the races of stress.tsv), until one fails. {clean[0][0]['kernel'] + ' in the lab.' if clean else ''} caught: a
        clause failed with the defect switched on and held in three replays with it off, in the same boot.
        missed: all held. "{NOT_REACHED}": without a defect none of the programs for seeds 1 to 3 reached the
        code with the defect, so it was not tested. Columns: defect, verdict; for a catch the kind of program, the
        seed, operations and seconds until then, and the clause. `make mutants STRESS=1` writes the table again."""
    if clean:
        head += f" The kernel without a defect holds: {clean[0][1][1]} operations, three seeds."
    text = textwrap.fill(" ".join(head.split()), 118, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([text, *(line(*r) for r in rows),
                      f"# {caught} caught, {len(rows) - caught} missed, of the {len(rows)} rows here", ""])
