//! `date_trunc` of times in UTC without a look at time zones.
//!
//! The engine's own goes through the calendar, value by value, where a time says its zone. Hours and
//! days of UTC are all of one length, which it knows for times that do not say one.

use std::sync::Arc;

use arrow::{
    array::ArrayRef,
    compute::cast,
    datatypes::{DataType, Field, FieldRef},
};
use datafusion::{
    error::DataFusionError,
    functions::datetime::date_trunc,
    logical_expr::{
        ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature,
        sort_properties::{ExprProperties, SortProperties},
    },
};

const UTC: &str = "UTC";

/// Returns the function that takes the place of the engine's.
pub(crate) fn utc_date_trunc() -> ScalarUDF {
    ScalarUDF::from(UtcDateTrunc { engines: date_trunc() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct UtcDateTrunc {
    engines: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for UtcDateTrunc {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn aliases(&self) -> &[String] {
        self.engines.aliases()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        self.engines.return_type(types)
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        self.engines.return_field_from_args(args)
    }

    fn invoke_with_args(
        &self,
        mut args: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(ColumnarValue::Array(times)) = args.args.get_mut(1) else {
            return self.engines.invoke_with_args(args);
        };
        let DataType::Timestamp(unit, Some(zone)) = times.data_type().clone() else {
            return self.engines.invoke_with_args(args);
        };
        if zone.as_ref() != UTC {
            return self.engines.invoke_with_args(args);
        }
        let (here, nowhere) = (times.data_type().clone(), DataType::Timestamp(unit, None));
        *times = cast(times, &nowhere)?;
        for field in args.arg_fields.iter_mut().skip(1).chain([&mut args.return_field]) {
            *field = Arc::new(Field::clone(field).with_data_type(nowhere.clone()));
        }
        let rows = args.number_rows;
        let truncated: ArrayRef = self.engines.invoke_with_args(args)?.into_array(rows)?;
        Ok(ColumnarValue::Array(cast(&truncated, &here)?))
    }

    fn output_ordering(
        &self,
        inputs: &[ExprProperties],
    ) -> Result<SortProperties, DataFusionError> {
        self.engines.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engines.documentation()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, TimestampMicrosecondArray};
    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// Times around the ends of hours, days, weeks, months and years, and before 1970.
    fn times() -> TimestampMicrosecondArray {
        let ends = [0, 3_600, 86_400, 951_782_400, 1_704_067_200, 1_780_272_000, -86_400, -1];
        let around = ends
            .into_iter()
            .flat_map(|second: i64| [-1, 0, 1].map(|micros| Some(second * 1_000_000 + micros)));
        around.chain([None]).collect::<TimestampMicrosecondArray>().with_timezone(UTC)
    }

    #[tokio::test]
    async fn it_is_what_the_engine_makes_of_times_with_a_zone() {
        let times: ArrayRef = Arc::new(times());
        let batch = RecordBatch::try_from_iter([("t", times)]).unwrap();
        let context = SessionContext::new();
        context.register_batch("rows", batch).unwrap();
        for part in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
            let sql = format!("SELECT date_trunc('{part}', t) FROM rows");
            let engines = context.sql(&sql).await.unwrap().collect().await.unwrap();
            context.register_udf(utc_date_trunc());
            let ours = context.sql(&sql).await.unwrap().collect().await.unwrap();
            context.register_udf(ScalarUDF::clone(&date_trunc()));
            assert_eq!(ours[0].column(0), engines[0].column(0), "{part}");
            assert_eq!(ours[0].column(0).null_count(), 1);
        }
    }
}
