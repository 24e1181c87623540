//! The sum of each column of a matrix.

use super::launch::{Launch, empty, floats};
use candle_core::{DType, Result, Tensor};

/// Rows that one thread adds up; few in tests, for sums of several threads.
const LENGTH: usize = if cfg!(test) { 4 } else { 64 };

/// The sums, (columns), of (rows, columns), in float64 and in an order that the sizes alone decide.
pub(super) fn column_sums(matrix: &Tensor) -> Result<Tensor> {
    let (rows, columns) = matrix.dims2()?;
    let chunks = rows.div_ceil(LENGTH);
    let parts = empty((chunks, columns), DType::F64, matrix.device())?;
    Launch::each("column_parts", chunks * columns)
        .read(matrix)
        .write(&parts)
        .ints([rows, columns, chunks, LENGTH])
        .run()?;
    let sums = floats(columns, matrix.device())?;
    Launch::each("column_sums", columns)
        .read(&parts)
        .write(&sums)
        .ints([columns, chunks])
        .run()?;
    Ok(sums)
}
