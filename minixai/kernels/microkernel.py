"""The product of matrices in which convolutions spend their time: its sums stay in the registers.

    c[m, t] = bias[m] + Σ_k a[k, m] · b[k, t]

A core with AVX-512 can multiply and add two vectors of 16 numbers in every cycle, but it cannot load and
store as fast: three nested loops, for m, for t, for k, read two numbers and do one multiplication. *Register
blocking* reads a number once for many multiplications:

    for a block of 8 rows m and 3 vectors of columns t:
        24 vectors of sums, one in a register each
        for k:                                      (nothing is stored here)
            load the 3 vectors of b[k]
            for each of the 8 rows: take a[k, m] 16 times in a vector, times the 3 vectors, to its 3 sums
        store the sums

So 11 loads serve 24 vectors of multiplications. The block is as large as the registers allow: of 32 it
takes 24 for the sums, 3 for b and one for a; a processor with 16 has blocks of 4 rows. Compilers do not
find this in three loops, so `_register_block` hands it to LLVM in vectors. `multiply_plainly` is the same in
plain loops: to read, to test against, and for processors whose vectors we do not know.

The rows of b lie at any places, told by `b_at`: the pixels under one weight of a filter are a row of b
where they stand in the image, and need no copy. a is packed, 16 columns m side by side (a *panel*): so its
numbers are read one after another.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minixai.kernels.compiling import njit

__all__ = ["LANES", "PANEL", "multiply", "multiply_plainly"]

# numba's cache looks only at the file of a function, not at what it calls: after a change here, delete
# minixai/kernels/__pycache__, or `direct` and `winograd` go on calling what was here before.

PANEL = 16  # rows of c that are packed side by side


def _vector_bytes() -> int:
    """How wide the processor's vectors are: seen from what LLVM makes of a sum of products of 64 bytes.

    0 where it has no fused multiply-add, where nobody has tried, and where nothing is compiled.
    """
    config: Any = numba.config
    if config.DISABLE_JIT:
        return 0
    module, vector = ir.Module(), ir.VectorType(ir.FloatType(), 16)
    builder = ir.IRBuilder(
        ir.Function(module, ir.FunctionType(vector, [vector] * 3), "sum").append_basic_block()
    )
    builder.ret(_fused(builder, *builder.function.args))
    cpu, features = config.CPU_NAME, config.CPU_FEATURES or ""
    if not cpu:
        cpu, features = binding.get_host_cpu_name(), features or binding.get_host_cpu_features().flatten()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(cpu=cpu, features=features)
    assembly = machine.emit_assembly(binding.parse_assembly(str(module)))
    for instruction, register, size in (("vfmadd", "zmm", 64), ("vfmadd", "ymm", 32), ("fmla", "4s", 16)):
        if instruction in assembly and register in assembly:
            return size
    return 0


def _fused(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, total: ir.Value) -> ir.Value:
    """a · b + total, of vectors."""
    kind = a.type
    name = f"llvm.fma.v{kind.count}{kind.element.intrinsic_name}"
    return builder.call(
        cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name), [a, b, total]
    )


VECTOR_BYTES = _vector_bytes()
LANES = max(VECTOR_BYTES // 4, 1)  # numbers in a vector, float32; b has at least so many columns
ROWS, COLUMNS = (4 if VECTOR_BYTES == 32 else 8), 3  # of a block, in vectors; AVX2 has 16 registers
NARROW = 2 * ROWS  # rows of a block of one vector, for the last columns
FEW, LONG = 4, 6  # rows and vectors of a block for filters as few as the channels of an image
MORE, SHORTER = 6, 4  # for as few as those of LeNet


def _register_block(rows: int, vectors: int, a_step: int) -> Any:
    """One block: c[c_first + m·c_step + t] for `rows` m and `vectors` of t. All arrays are flat.

    a[k, m] stands at a_first + a_at[k] + m·a_step, and b[k, t] at b_first + b_at[k] + t.
    """

    @intrinsic
    def block(_, a, a_first, a_at, b, b_first, b_at, bias, bias_first, c, c_first, c_step):
        i64 = types.int64
        signature = types.void(a, i64, a_at, b, i64, b_at, bias, i64, c, i64, i64)

        def codegen(context, builder, signature, args):
            number = context.get_data_type(c.dtype)
            size = c.dtype.bitwidth // 8
            vector = ir.VectorType(number, VECTOR_BYTES // size)

            def array(i):
                return context.make_array(signature.args[i])(context, builder, args[i])

            def pointer(data, *places):
                for place in places:
                    data = builder.gep(data, [ir.IntType(64)(place) if isinstance(place, int) else place])
                return data

            def vectors_at(data):
                data = builder.bitcast(data, vector.as_pointer())
                return [pointer(data, v) for v in range(vectors)]

            def spread(value):  # to all lanes
                empty, lanes = vector(ir.Undefined), ir.VectorType(ir.IntType(32), vector.count)
                first = builder.insert_element(empty, value, ir.IntType(32)(0))
                return builder.shuffle_vector(first, empty, lanes([0] * vector.count))

            a, b, bias, c_data = (array(i).data for i in (0, 3, 6, 8))
            a_at, b_at = array(2), array(5)
            _, a_first, _, _, b_first, _, _, bias_first, _, c_first, c_step = args
            sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
            for m in range(rows):
                start = spread(builder.load(pointer(bias, bias_first, m)))
                for v in range(vectors):
                    builder.store(start, sums[m][v])
            with cgutils.for_range(builder, builder.extract_value(a_at.shape, 0)) as loop:
                a_k = pointer(a, a_first, builder.load(pointer(a_at.data, loop.index)))
                b_k = pointer(b, b_first, builder.load(pointer(b_at.data, loop.index)))
                b_vectors = [builder.load(each, align=size) for each in vectors_at(b_k)]
                for m in range(rows):
                    a_km = spread(builder.load(pointer(a_k, m * a_step)))
                    for v in range(vectors):
                        total = _fused(builder, a_km, b_vectors[v], builder.load(sums[m][v]))
                        builder.store(total, sums[m][v])
            for m in range(rows):
                c_m = vectors_at(pointer(c_data, c_first, builder.mul(c_step, ir.IntType(64)(m))))
                for v in range(vectors):
                    builder.store(builder.load(sums[m][v]), c_m[v], align=size)
            return context.get_dummy_value()

        return signature, codegen

    return block


_block, _narrow_block = _register_block(ROWS, COLUMNS, 1), _register_block(NARROW, 1, 1)
_long_block, _shorter_block = _register_block(FEW, LONG, 1), _register_block(MORE, SHORTER, 1)
_short_block = _register_block(NARROW // 2, 1, 1)
_turned_block, _turned_narrow_block = _register_block(ROWS, COLUMNS, PANEL), _register_block(NARROW, 1, PANEL)


@njit(cache=True, nogil=True)
def _multiply_by_blocks(a, a_at, a_step, turned, rows, b, b_first, b_at, columns, bias, c, c_first, c_step):
    """As `multiply_plainly`; each sum is taken in the same order, in whichever block it is."""
    lanes = VECTOR_BYTES // c.itemsize
    if 0 < rows[1] - rows[0] <= FEW < ROWS and columns >= LONG * lanes and not turned:
        for begin in range(0, columns, LONG * lanes):
            t = min(begin, columns - LONG * lanes)  # the last block may overlap the one before
            a_first = rows[0] // PANEL * a_step
            _long_block(a, a_first, a_at, b, b_first + t, b_at, bias, rows[0], c, c_first + t, c_step)
        return
    if FEW < rows[1] - rows[0] <= MORE < ROWS and columns >= SHORTER * lanes and not turned:
        for begin in range(0, columns, SHORTER * lanes):
            t = min(begin, columns - SHORTER * lanes)
            a_first = rows[0] // PANEL * a_step
            _shorter_block(a, a_first, a_at, b, b_first + t, b_at, bias, rows[0], c, c_first + t, c_step)
        return
    wide = columns // (COLUMNS * lanes) * (COLUMNS * lanes)
    m_step = PANEL if turned else 1
    for t in range(0, wide, COLUMNS * lanes):
        for m in range(rows[0], rows[1], ROWS):
            a_first = m // PANEL * a_step + m % PANEL * m_step
            at = c_first + (m - rows[0]) * c_step + t
            if turned:
                _turned_block(a, a_first, a_at, b, b_first + t, b_at, bias, m, c, at, c_step)
            else:
                _block(a, a_first, a_at, b, b_first + t, b_at, bias, m, c, at, c_step)
    for begin in range(wide, columns, lanes):
        t = min(begin, columns - lanes)  # the last vector may overlap the one before
        for m in range(rows[0], rows[1], NARROW):
            a_first = m // PANEL * a_step + m % PANEL * m_step
            at = c_first + (m - rows[0]) * c_step + t
            if turned:
                _turned_narrow_block(a, a_first, a_at, b, b_first + t, b_at, bias, m, c, at, c_step)
            elif rows[1] - m <= NARROW // 2:
                _short_block(a, a_first, a_at, b, b_first + t, b_at, bias, m, c, at, c_step)
            else:
                _narrow_block(a, a_first, a_at, b, b_first + t, b_at, bias, m, c, at, c_step)


@njit(cache=True, nogil=True)
def multiply_plainly(a, a_at, a_step, turned, rows, b, b_first, b_at, columns, bias, c, c_first, c_step):
    """c[m, t] = bias[m] + Σ_k a[k, m] · b[k, t], for rows[0] ≤ m < rows[1] and t < columns, in plain loops.

    All arrays are flat and of one dtype. c[m, t] stands at c_first + (m − rows[0])·c_step + t, with room for
    whole panels of rows, and b[k, t] at b_first + b_at[k] + t. a[k, m] stands at a_at[k] + (m // 16)·a_step
    + m % 16, or, `turned`, + (m % 16)·16: the panels are then those of aᵀ. rows[0] is a multiple of 16, and
    columns at least LANES.
    """
    m_step = PANEL if turned else 1
    for m in range(rows[0], rows[1]):
        a_first = m // PANEL * a_step + m % PANEL * m_step
        at = c_first + (m - rows[0]) * c_step
        row = c[at : at + columns]
        row[:] = bias[m]
        whole = a_at.size // 4 * 4
        for k in range(0, whole, 4):  # four at a time, since each time the row is read and written
            k_1, k_2, k_3 = k + 1, k + 2, k + 3
            a_0, a_1 = a[a_first + a_at[k]], a[a_first + a_at[k_1]]
            a_2, a_3 = a[a_first + a_at[k_2]], a[a_first + a_at[k_3]]
            b_0, b_1 = b[b_first + b_at[k] :], b[b_first + b_at[k_1] :]
            b_2, b_3 = b[b_first + b_at[k_2] :], b[b_first + b_at[k_3] :]
            for t in range(np.uint64(columns)):
                row[t] += a_0 * b_0[t] + a_1 * b_1[t] + a_2 * b_2[t] + a_3 * b_3[t]
        for k in range(whole, a_at.size):
            a_0, b_0 = a[a_first + a_at[k]], b[b_first + b_at[k] :]
            for t in range(np.uint64(columns)):
                row[t] += a_0 * b_0[t]


multiply = _multiply_by_blocks if VECTOR_BYTES else multiply_plainly
