//! Makes small databases in MaxMind's format: a binary tree over the bits of addresses, whose leaves
//! point into a section of values; metadata at the end, behind a marker.

use std::net::IpAddr;

/// A value of the data section.
pub(crate) enum Data {
    Text(&'static str),
    U16(u16),
    U32(u32),
    U64(u64),
    Array(Vec<Data>),
    Map(Vec<(&'static str, Data)>),
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(u32),
    Value(u32),
}

/// Returns a database of a type that has a value for each network.
pub(crate) fn database(kind: &'static str, networks: &[(&str, u8, Data)]) -> Vec<u8> {
    let mut nodes = vec![[Record::Empty; 2]];
    let mut values = Vec::new();
    for (address, prefix, data) in networks {
        let value = Record::Value(u32::try_from(values.len()).unwrap());
        encode(data, &mut values);
        insert(&mut nodes, address.parse().unwrap(), *prefix, value);
    }
    let node_count = u32::try_from(nodes.len()).unwrap();
    let mut bytes = Vec::new();
    for record in nodes.into_iter().flatten() {
        let number = match record {
            Record::Empty => node_count,
            Record::Node(node) => node,
            Record::Value(at) => node_count + 16 + at,
        };
        bytes.extend_from_slice(&number.to_be_bytes()[1..]);
    }
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend(values);
    bytes.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    encode(&metadata(kind, node_count), &mut bytes);
    bytes
}

/// Addresses of IPv4 lie at the beginning of those of IPv6.
fn insert(nodes: &mut Vec<[Record; 2]>, address: IpAddr, prefix: u8, value: Record) {
    let (bits, length) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), prefix + 96),
        IpAddr::V6(address) => (address.to_bits(), prefix),
    };
    let mut node = 0;
    for depth in 0..length {
        let side = usize::from((bits >> (127 - depth)) & 1 == 1);
        if depth + 1 == length {
            nodes[node][side] = value;
            return;
        }
        node = match nodes[node][side] {
            Record::Node(next) => usize::try_from(next).unwrap(),
            Record::Empty | Record::Value(_) => {
                let next = nodes.len();
                nodes.push([Record::Empty; 2]);
                nodes[node][side] = Record::Node(u32::try_from(next).unwrap());
                next
            }
        };
    }
}

fn metadata(kind: &'static str, node_count: u32) -> Data {
    Data::Map(vec![
        ("binary_format_major_version", Data::U16(2)),
        ("binary_format_minor_version", Data::U16(0)),
        ("build_epoch", Data::U64(1_780_272_000)),
        ("database_type", Data::Text(kind)),
        ("description", Data::Map(vec![("en", Data::Text("made for a test"))])),
        ("ip_version", Data::U16(6)),
        ("languages", Data::Array(vec![Data::Text("en")])),
        ("node_count", Data::U32(node_count)),
        ("record_size", Data::U16(24)),
    ])
}

fn encode(data: &Data, bytes: &mut Vec<u8>) {
    match data {
        Data::Text(text) => {
            control(2, text.len(), bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
        Data::U16(number) => {
            control(5, 2, bytes);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Data::U32(number) => {
            control(6, 4, bytes);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Data::U64(number) => {
            control(9, 8, bytes);
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        Data::Array(items) => {
            control(11, items.len(), bytes);
            items.iter().for_each(|item| encode(item, bytes));
        }
        Data::Map(members) => {
            control(7, members.len(), bytes);
            for (name, value) in members {
                encode(&Data::Text(name), bytes);
                encode(value, bytes);
            }
        }
    }
}

/// The upper three bits are the type, the lower five the size. Types from 8 on stand in a byte of
/// their own, and sizes from 29 on too.
fn control(kind: u8, size: usize, bytes: &mut Vec<u8>) {
    let (first, rest) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    let first = u8::try_from(first).unwrap();
    if kind < 8 {
        bytes.push((kind << 5) | first);
    } else {
        bytes.extend_from_slice(&[first, kind - 7]);
    }
    bytes.extend(rest.map(|rest| u8::try_from(rest).unwrap()));
}
