"""How the setting of an artefact is said in words."""

from dmd.planning.plan import Artefact

EMPTY = {
    "no_distance": "they count with Dice 0 and are left out of the distances",
    "as_published": (
        "they count with all scores 0, the distances too, as in released test scripts (as_published), which flatters"
    ),
    "penalised": "they count with Dice 0 and the diagonal of the volume as distance (penalised)",
}


def setting(artefact: Artefact, trained: list[str]) -> str:
    """Say at which scale an artefact was made; ``trained`` names data, patch and iterations where they differ."""
    if artefact.scale == "paper":
        return "Scale 'paper'."
    said = f"Not the paper's setting: scale '{artefact.scale}' ({'; '.join(trained)})."
    if artefact.form.kind == "panel":
        return said
    return f"{said} The paper's numbers stand beside for orientation, not for comparison."


def empty_predictions(artefact: Artefact) -> str:
    """Say what empty predictions count as."""
    return EMPTY[artefact.form.empty]
