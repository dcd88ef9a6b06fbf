//! Finds the indicator that an address is or lies in.

use std::net::IpAddr;

use trailhouse_detect::context::{
    Indicator, IndicatorKind, NetworkIndex, Site, parse_ip, parse_network,
};
use trailhouse_model::EventTime;

/// The addresses and networks of all indicators.
#[derive(Debug, Default)]
pub(super) struct AddressMatcher {
    indicators: Vec<Indicator>,
    networks: NetworkIndex,
}

impl AddressMatcher {
    pub(super) fn new(site: &Site) -> Self {
        let is_address =
            |it: &&Indicator| matches!(it.kind, IndicatorKind::Ip | IndicatorKind::Cidr);
        let all = site.intel.values().flat_map(|list| &list.indicators);
        let indicators: Vec<Indicator> = all.filter(is_address).cloned().collect();
        let networks = indicators.iter().enumerate().filter_map(|(place, it)| {
            let network = parse_network(&it.value);
            network.or_else(|| parse_ip(&it.value).map(Into::into)).map(|network| (place, network))
        });
        let networks = NetworkIndex::new(networks);
        Self { indicators, networks }
    }

    /// Returns the value of the smallest indicator that holds the address, of those that are valid
    /// at a moment where one is given.
    pub(super) fn find(&self, address: IpAddr, moment: Option<EventTime>) -> Option<&str> {
        let held = self.networks.holding(address);
        let mut indicators = held.filter_map(|place| self.indicators.get(place));
        let is_valid = |it: &&Indicator| moment.is_none_or(|moment| it.is_valid_at(moment));
        indicators.find(is_valid).map(|it| it.value.as_str())
    }
}
