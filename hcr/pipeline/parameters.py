"""A notebook's parameters cell: types, ranges, choices, help; the names of earlier releases."""

# Names, and values, of an earlier release: accepted with a note. `STAGE.key` or `STAGE.key=value`
# to the same; a key may move to another stage or into a dict parameter (`STAGE.recipe.key`).
# A moved key takes its values along: their rows name the new key.
RENAMED = {
    **{
        f"{stage}.{key}": f"01_eda.{key}"
        for stage in ("02_balance", "03_train", "04_evaluate")
        for key in ("dataset", "path", "orientation", "limit", "imbalance_factor")
    },
    # 01_eda
    # 02_balance
    # 03_train
    # 04_evaluate
    # 05_draw
    # 06_compare
}
