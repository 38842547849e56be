"""Where the time of a training step goes, layer by layer, beside a plain matrix product.

    uv run benchmarks/layers.py [--model hcr_net] [--batch 128] [--times 50] [--threads 1]

Each layer is run forward and backward on its own, on random numbers of the shapes that it has in
the network, in a compiled graph, and so is a whole step: loss and gradients, without augmentation
and optimizer. A time is the shortest of all tries, in rounds over all layers, in seconds of the
processor, which other programs on the machine disturb less: with one thread it is that of a quiet
machine, with more it holds their waiting for each other. A layer's operations are two for each
multiply-add, three times: forward, for the gradients of its weights, and for those of its input,
which the first layer's images don't need. The peak is the best rate of a product of two square
float32 matrices.

Measured last stands in docs/levers.md.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from hcr import models
from hcr.models.backend import has_bfloat16, keras, tf
from hcr.models.convert import copied
from hcr.runs import environment

SIDE = 2048  # of the matrices
OTHERS = {"BatchNormalization": "batch norms", "ReLU": "ReLUs"}


def main(asked: argparse.Namespace) -> None:
    """Print the table, in float32 and, where TensorFlow can convolve such numbers, in bfloat16."""
    tf.config.threading.set_intra_op_parallelism_threads(asked.threads)
    tf.config.threading.set_inter_op_parallelism_threads(asked.threads)
    print(f"machine: {environment.hardware()}, threads: {asked.threads}")
    models.backend.seed_everything(0)
    net = models.build(asked.model, 47)
    for policy in ("float32", "mixed_bfloat16")[: 1 + has_bfloat16()]:
        table(copied(net, policy), policy, asked)
    if not has_bfloat16():
        print("bfloat16: TensorFlow convolves no such numbers on this processor.")


def table(net: keras.Model, policy: str, asked: argparse.Namespace) -> None:
    """Measure and print the layers of `net`."""
    parts = {layer: step(layer, asked.batch) for layer in net.layers}
    parts = {layer: run for layer, run in parts.items() if run is not None}
    runs = {"product": product(), "whole": whole(net, asked.batch), **parts}
    best = dict.fromkeys(runs, np.inf)
    for _ in range(asked.times):
        for key, run in runs.items():
            begun = time.process_time()
            run()
            best[key] = min(best[key], time.process_time() - begun)
    peak = 2 * SIDE**3 / best["product"] / 1e9
    rows, first = {}, True
    for layer in parts:
        n = 2 * models.multiply_adds(layer) * asked.batch * (2 if first else 3) / 1e9
        first &= not n
        shape = "×".join(map(str, layer.output.shape[1:]))
        usual = OTHERS.get(type(layer).__name__, "all others")
        name = f"{layer.name} to {shape}" if n else usual
        operations, seconds = rows.get(name, (0, 0))
        rows[name] = operations + n, seconds + best[layer]
    rows = {
        **{k: v for k, v in rows.items() if v[0]},
        **{k: v for k, v in rows.items() if not v[0]},
    }
    rows["sum of these"] = tuple(np.sum(list(rows.values()), axis=0))
    rows["a whole step"] = rows["sum of these"][0], best["whole"]
    print(f"\n{net.name}, {policy}, steps of {asked.batch}; plain product: {peak:.0f} GFLOP/s\n")
    print("| layer | GFLOP | ms | share of the step | GFLOP/s | of the plain product |")
    print("|---|---|---|---|---|---|")
    for name, (n, seconds) in rows.items():
        rate = f"{n / seconds:.0f} | {n / seconds / peak:.2f}" if n else "| "
        share = f"{seconds / best['whole']:.0%}"
        print(f"| {name} | {f'{n:.2f}' if n else ''} | {1e3 * seconds:.1f} | {share} | {rate} |")


def step(layer: keras.Layer, n: int) -> Callable[[], object] | None:
    """A layer forward and backward, on `n` images; None where it takes the pixels."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    if not inputs or any(each.dtype == "uint8" for each in inputs):
        return None
    values = [tf.random.uniform((n, *x.shape[1:]), dtype=layer.compute_dtype) for x in inputs]
    # Nothing below the first convolution learns.
    watched = [] if inputs[0].shape[-1] == 1 else values
    return derived(
        lambda: layer(values if len(values) > 1 else values[0], training=True), watched, layer
    )


def whole(net: keras.Model, n: int) -> Callable[[], object]:
    """The loss of a step and its gradients."""
    images = tf.constant(np.random.default_rng(0).integers(0, 256, (n, 28, 28), np.uint8))
    labels = tf.constant(np.arange(n) % net.output.shape[1])
    loss = keras.losses.sparse_categorical_crossentropy
    return derived(lambda: loss(labels, net(images, training=True)), [], net)


def derived(call: Callable, inputs: list, layer: keras.Layer) -> Callable[[], object]:
    """The graph of `call` and of the gradients of its sum, by the layer's weights and `inputs`."""
    by = [*inputs, *(each.value for each in layer.trainable_variables)]

    @tf.function(autograph=False)
    def graph():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = call()
        return output, tape.gradient(output, by)

    return graph


def product() -> Callable[[], object]:
    """A product of two square matrices."""
    one, other = (tf.random.uniform((SIDE, SIDE)) for _ in range(2))
    return tf.function(lambda: tf.matmul(one, other), autograph=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="hcr_net")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
