//! A function that tells rows with equal content from others, whatever their columns.

use std::sync::{Arc, LazyLock};

use arrow::{
    array::{ArrayRef, FixedSizeBinaryArray},
    datatypes::DataType,
    row::{RowConverter, SortField},
};
use datafusion::{
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    },
};
use trailhouse_model::ContentHash;

const HASH_BYTES: i32 = 32;

static CONTENT_HASH: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(ScalarUDF::from(ContentHashFunction { signature }))
});

/// Returns the hash of the columns. It is a cryptographic one: whoever writes events must not be
/// able to make two that differ count as one.
pub(crate) fn content_hash(columns: Vec<Expr>) -> Expr {
    CONTENT_HASH.call(columns)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ContentHashFunction {
    signature: Signature,
}

impl ScalarUDFImpl for ContentHashFunction {
    fn name(&self) -> &str {
        "content_hash"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::FixedSizeBinary(HASH_BYTES))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let columns: Vec<ArrayRef> = ColumnarValue::values_to_arrays(&args.args)?;
        let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
        // The form that rows are sorted by is the same for equal rows only.
        let rows = RowConverter::new(fields.collect())?.convert_columns(&columns)?;
        let hashes = rows.iter().map(|row| ContentHash::of(row.data()).0);
        let hashes = FixedSizeBinaryArray::try_from_iter(hashes)?;
        Ok(ColumnarValue::Array(Arc::new(hashes)))
    }
}
