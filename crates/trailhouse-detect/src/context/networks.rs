//! Which networks hold an address, without asking each of them.

use std::{collections::HashMap, net::IpAddr};

use ipnet::IpNet;

/// Networks by the length of their prefix. A search asks once for each length that is there, so
/// that its cost does not depend on how many networks there are.
#[derive(Debug, Clone, Default)]
pub struct NetworkIndex {
    ipv4: Vec<Level>,
    ipv6: Vec<Level>,
}

/// The networks of one length of prefix, by their address.
#[derive(Debug, Clone)]
struct Level {
    prefix: u8,
    networks: HashMap<IpAddr, Vec<usize>>,
}

impl NetworkIndex {
    /// Makes an index of networks; each is known by its place among them.
    pub fn new(networks: impl IntoIterator<Item = (usize, IpNet)>) -> Self {
        let mut index = Self::default();
        for (place, network) in networks {
            let levels = match network {
                IpNet::V4(_) => &mut index.ipv4,
                IpNet::V6(_) => &mut index.ipv6,
            };
            let prefix = network.prefix_len();
            // The longest prefix comes first: it says the most about an address.
            let at = levels.partition_point(|level| level.prefix > prefix);
            if levels.get(at).is_none_or(|level| level.prefix != prefix) {
                levels.insert(at, Level { prefix, networks: HashMap::new() });
            }
            if let Some(level) = levels.get_mut(at) {
                level.networks.entry(network.network()).or_default().push(place);
            }
        }
        index
    }

    /// Returns the places of the networks that hold an address, the smallest network first, equal
    /// ones in their order.
    pub fn holding(&self, address: IpAddr) -> impl Iterator<Item = usize> {
        let levels = match address {
            IpAddr::V4(_) => &self.ipv4,
            IpAddr::V6(_) => &self.ipv6,
        };
        levels.iter().flat_map(move |level| {
            let network = IpNet::new(address, level.prefix).ok().map(|it| it.network());
            let found = network.and_then(|network| level.networks.get(&network));
            found.into_iter().flatten().copied()
        })
    }

    /// Says whether there is no network.
    pub fn is_empty(&self) -> bool {
        self.ipv4.is_empty() && self.ipv6.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use ipnet::Ipv4Net;
    use proptest::prelude::*;

    use super::*;

    fn index(networks: &[&str]) -> NetworkIndex {
        NetworkIndex::new(networks.iter().map(|it| it.parse().unwrap()).enumerate())
    }

    #[test]
    fn the_smallest_network_comes_first() {
        let index = index(&["198.51.0.0/16", "198.51.100.7/32", "0.0.0.0/0", "198.51.100.7/32"]);
        let found = |address: &str| index.holding(address.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(found("198.51.100.7"), [1, 3, 0, 2]);
        assert_eq!(found("198.51.7.7"), [0, 2]);
        assert_eq!(found("::1"), Vec::<usize>::new());
    }

    #[test]
    fn the_two_families_do_not_mix() {
        let index = index(&["::/0", "2001:db8::/32"]);
        let found = |address: &str| index.holding(address.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(found("2001:db8::7"), [1, 0]);
        assert_eq!(found("192.0.2.1"), Vec::<usize>::new());
    }

    proptest! {
        #[test]
        fn an_index_finds_what_asking_each_network_finds(
            networks in prop::collection::vec((0_u32..64, 24_u8..=32), 0..20),
            address in 0_u32..64,
        ) {
            let network = |(bits, prefix): &(u32, u8)| {
                IpNet::V4(Ipv4Net::new(Ipv4Addr::from_bits(*bits), *prefix).unwrap().trunc())
            };
            let networks: Vec<IpNet> = networks.iter().map(network).collect();
            let address = IpAddr::V4(Ipv4Addr::from_bits(address));
            let index = NetworkIndex::new(networks.iter().copied().enumerate());
            let mut found: Vec<usize> = index.holding(address).collect();
            found.sort_unstable();
            let asked = networks.iter().enumerate().filter(|(_, it)| it.contains(&address));
            prop_assert_eq!(found, asked.map(|(place, _)| place).collect::<Vec<_>>());
        }
    }
}
