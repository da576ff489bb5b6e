# SPDX-License-Identifier: GPL-2.0-only
"""The stress alone (gm-stress hunt) against planted defects: how it is asked, and the lines of stress.txt."""
import textwrap

CAUGHT, MISSED = "caught", "MISSED"
NONE = {"name": "none", "defect": "no defect: everything must hold"}
NOT_REACHED = "no program came by its place"


def seeds(row):
    """A race is met by chance: the stress's own rows get more of it."""
    return 10 if row["area"] == "stress" else 3


def ask(row):
    """One line of batch.HEAD's shell for a row; of the kernel without a defect also where it came by."""
    if row["name"] == "none":
        return "hunt none 3\necho '@part kernel'\nuname -srm\necho '@part reached'\ncat /proc/gm_reached"
    return f"hunt {row['name']} {seeds(row)}"


def reached(row, places):
    """Whether it is worth asking: of what no program comes by, none can say a thing. Races always are."""
    return row["area"] == "stress" or row["name"] in places


def line(row, word, kind, said):
    """A row of stress.txt. said: seed, operations, seconds, clause and text, between tabs, or a reason."""
    field = said.split("\t")
    if said == NOT_REACHED:
        return f"{row['name']:<27} missed  {said}"
    if word == MISSED:
        return f"{row['name']:<27} missed  all, {field[0]} seeds{'':<26} {field[1]:>6} operations  {field[2]:>5} s"
    if word == CAUGHT:
        return (f"{row['name']:<27} caught  {kind:<31}  seed {field[0]:<2} {field[1]:>6} operations  "
                f"{field[2]:>5} s  {field[3]}")
    return f"{row['name']:<27} {word}  {kind}  {' '.join(field)}".rstrip()


def table(rows):
    """stress.txt of (row, word, kind, said)."""
    rows = sorted(rows, key=lambda r: r[0]["name"])
    clean = [(row, said.split("\t")) for row, _, _, said in rows if row["name"] == "none"]
    rows = [r for r in rows if r[0]["name"] != "none"]
    caught = sum(word == CAUGHT for _, word, _, _ in rows)
    head = f"""\
        What the stress alone says of planted defects: gm-stress hunt, a program of each of eleven kinds for seeds
        1 to 3 (1 to 10 for the races of stress.tsv), until one fails. {clean[0][0]['kernel'] + ' in the lab.' if clean else ''} caught: a
        promise failed with the defect switched on and held in three replays with it off, in the same boot.
        missed: all held. "{NOT_REACHED}": the kernel without a defect did not come by the place where it is
        planted in any of the programs for seeds 1 to 3, which then cannot tell: it was not asked further.
        Columns: defect, verdict; of a catch the kind of program, the seed, operations and seconds until then, and
        the promise that broke. `make mutants STRESS=1` makes the table anew."""
    if clean:
        head += f" The kernel without a defect holds: {clean[0][1][1]} operations, three seeds."
    text = textwrap.fill(" ".join(head.split()), 118, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([text, *(line(*r) for r in rows),
                      f"# {caught} caught, {len(rows) - caught} missed, of the {len(rows)} rows here", ""])
