//! Functions over addresses. What is no address, or not known, is null.

use std::{net::IpAddr, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray},
    compute::cast,
    datatypes::{DataType, TimeUnit, TimestampMicrosecondType},
};
use datafusion::{
    common::ScalarValue,
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, ScalarUDF, Signature, TypeSignature, Volatility, expr_fn::SimpleScalarUDF,
    },
};
use trailhouse_detect::context::{parse_ip, parse_network};
use trailhouse_model::EventTime;

use super::{geo::GeoDatabases, matcher::AddressMatcher};

/// Returns all functions over one site.
pub(super) fn all(matcher: &Arc<AddressMatcher>, geo: &Arc<GeoDatabases>) -> Vec<ScalarUDF> {
    vec![
        ip_in_cidr(),
        intel_match_ip(Arc::clone(matcher)),
        geo_country(Arc::clone(geo)),
        asn(Arc::clone(geo)),
        asn_org(Arc::clone(geo)),
    ]
}

fn ip_in_cidr() -> ScalarUDF {
    function("ip_in_cidr", Signature::string(2, Volatility::Immutable), DataType::Boolean, |args| {
        refuse_bad_network(args)?;
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let [addresses, networks] = arrays.as_slice() else { return Err(arguments()) };
        let networks = cast(networks, &DataType::Utf8View)?;
        // Most often the network is the same in all rows.
        let mut last = None;
        let mut answers = Vec::with_capacity(networks.len());
        for (address, network) in parsed_addresses(addresses)?.zip(networks.as_string_view()) {
            if last.is_none_or(|(text, _)| Some(text) != network) {
                last = network.map(|text| (text, parse_network(text)));
            }
            let network = network.and(last).and_then(|(_, network)| network);
            answers.push(address.zip(network).map(|(address, network)| network.contains(&address)));
        }
        Ok(Arc::new(BooleanArray::from(answers)) as ArrayRef)
    })
}

/// A network that is written wrongly in a query would match nothing, and nobody would notice.
fn refuse_bad_network(args: &[ColumnarValue]) -> Result<(), DataFusionError> {
    let Some(ColumnarValue::Scalar(network)) = args.get(1) else { return Ok(()) };
    match network.try_as_str().flatten() {
        Some(text) if parse_network(text).is_none() => {
            let message = format!("`{text}` is not a network like 198.51.100.0/24");
            Err(DataFusionError::Execution(message))
        }
        Some(_) | None => Ok(()),
    }
}

fn intel_match_ip(matcher: Arc<AddressMatcher>) -> ScalarUDF {
    let time_type = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let signatures = vec![
        TypeSignature::String(1),
        TypeSignature::Exact(vec![DataType::Utf8View, time_type.clone()]),
    ];
    let signature = Signature::one_of(signatures, Volatility::Immutable);
    function("intel_match_ip", signature, DataType::Utf8View, move |args| {
        let arrays = ColumnarValue::values_to_arrays(args)?;
        let (addresses, times) = match arrays.as_slice() {
            [addresses] => (addresses, None),
            [addresses, times] => (addresses, Some(cast(times, &time_type)?)),
            _ => return Err(arguments()),
        };
        let times = times.as_ref().map(|times| times.as_primitive::<TimestampMicrosecondType>());
        let mut found = Vec::with_capacity(addresses.len());
        for (row, address) in parsed_addresses(addresses)?.enumerate() {
            let moment = match times {
                Some(times) if times.is_null(row) => None,
                Some(times) => Some(Some(EventTime::from_micros(times.value(row)))),
                None => Some(None),
            };
            let both = address.zip(moment);
            found.push(both.and_then(|(address, moment)| matcher.find(address, moment)));
        }
        Ok(Arc::new(StringViewArray::from(found)) as ArrayRef)
    })
}

fn geo_country(geo: Arc<GeoDatabases>) -> ScalarUDF {
    let signature = Signature::string(1, Volatility::Immutable);
    function("geo_country", signature, DataType::Utf8View, move |args| {
        let found = of_addresses(args, |address| geo.find_country(address))?;
        Ok(Arc::new(StringViewArray::from_iter(found)) as ArrayRef)
    })
}

fn asn(geo: Arc<GeoDatabases>) -> ScalarUDF {
    let signature = Signature::string(1, Volatility::Immutable);
    function("asn", signature, DataType::Int64, move |args| {
        let found = of_addresses(args, |address| {
            Ok(geo.find_system(address)?.map(|system| i64::from(system.number)))
        })?;
        Ok(Arc::new(Int64Array::from(found)) as ArrayRef)
    })
}

fn asn_org(geo: Arc<GeoDatabases>) -> ScalarUDF {
    let signature = Signature::string(1, Volatility::Immutable);
    function("asn_org", signature, DataType::Utf8View, move |args| {
        let found = of_addresses(args, |address| {
            Ok(geo.find_system(address)?.and_then(|system| system.organization))
        })?;
        Ok(Arc::new(StringViewArray::from_iter(found)) as ArrayRef)
    })
}

/// Makes a function whose answer is one value where all of its arguments are.
fn function(
    name: &str,
    signature: Signature,
    return_type: DataType,
    body: impl Fn(&[ColumnarValue]) -> Result<ArrayRef, DataFusionError> + Send + Sync + 'static,
) -> ScalarUDF {
    let body = move |args: &[ColumnarValue]| {
        let answer = body(args)?;
        if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
        }
        Ok(ColumnarValue::Array(answer))
    };
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        name,
        signature,
        return_type,
        Arc::new(body),
    ))
}

/// Asks about each address of the only argument.
fn of_addresses<T>(
    args: &[ColumnarValue],
    find: impl Fn(IpAddr) -> Result<Option<T>, String>,
) -> Result<Vec<Option<T>>, DataFusionError> {
    let arrays = ColumnarValue::values_to_arrays(args)?;
    let [addresses] = arrays.as_slice() else { return Err(arguments()) };
    let mut found = Vec::with_capacity(addresses.len());
    for address in parsed_addresses(addresses)? {
        found.push(match address {
            Some(address) => find(address).map_err(DataFusionError::Execution)?,
            None => None,
        });
    }
    Ok(found)
}

fn parsed_addresses(
    texts: &ArrayRef,
) -> Result<impl Iterator<Item = Option<IpAddr>>, DataFusionError> {
    let texts = cast(texts, &DataType::Utf8View)?;
    let addresses: Vec<Option<IpAddr>> =
        texts.as_string_view().iter().map(|text| text.and_then(parse_ip)).collect();
    Ok(addresses.into_iter())
}

/// The signature lets no other number of arguments through.
fn arguments() -> DataFusionError {
    DataFusionError::Internal("a function was called with other arguments than it takes".to_owned())
}
