//! Which addresses alerts may go to.
//!
//! What is judged is the address that the connection is made to, after the name was resolved, so a
//! name that first resolves to one address and then to another gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Services that hand out credentials to whoever can reach them; nothing opens the way to them.
const CREDENTIAL_SERVICES: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// What lies at an address that is not of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// This machine.
    Loopback,
    /// This link.
    LinkLocal,
    /// A private network.
    Private,
    /// A provider's network behind one address.
    SharedByCarrier,
    /// Many at once.
    Multicast,
    /// No address, or one that is kept for other uses.
    Reserved,
    /// A service that hands out credentials.
    CredentialService,
}

impl AddressKind {
    /// Returns the words for the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::SharedByCarrier => "carrier-shared",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
            Self::CredentialService => "instance metadata or credentials",
        }
    }
}

/// Whether a connection is encrypted and tells who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// TLS.
    Tls,
    /// Readable by everybody on the way.
    Plain,
}

/// Why a connection is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The address is not public and not allowed.
    #[error("{host} is at {address}, a {} address; name its network in allow_private", kind.as_str())]
    NotAllowed {
        /// The host as configured.
        host: String,
        /// Where it is.
        address: IpAddr,
        /// What lies there.
        kind: AddressKind,
    },
    /// The address hands out credentials.
    #[error("{host} is at {address}, which serves credentials; alerts never go there")]
    Never {
        /// The host as configured.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
    /// Without TLS alerts go to allowed private networks only.
    #[error("{host} is at the public address {address}; use TLS")]
    PlainToPublic {
        /// The host as configured.
        host: String,
        /// Where it is.
        address: IpAddr,
    },
}

/// What is allowed beyond the public internet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EgressPolicy {
    allow_private: Vec<IpNet>,
}

impl EgressPolicy {
    /// Allows these networks.
    pub fn allowing(allow_private: Vec<IpNet>) -> Self {
        Self { allow_private }
    }

    /// Judges an address that a host was found at. `host` is for the message only.
    pub fn check(
        &self,
        host: &str,
        address: IpAddr,
        transport: Transport,
    ) -> Result<(), EgressError> {
        let host = host.to_owned();
        let forms = forms_of(address);
        if forms.iter().any(|form| CREDENTIAL_SERVICES.contains(form)) {
            return Err(EgressError::Never { host, address });
        }
        for form in &forms {
            if self.allow_private.iter().any(|network| network.contains(form)) {
                continue;
            }
            match (kind_of(*form), transport) {
                (Some(kind), _) => return Err(EgressError::NotAllowed { host, address, kind }),
                (None, Transport::Plain) => {
                    return Err(EgressError::PlainToPublic { host, address });
                }
                (None, Transport::Tls) => {}
            }
        }
        Ok(())
    }
}

/// Returns the address and, where it stands for another one, that one too: v4 in v6, 6to4, NAT64,
/// Teredo, ISATAP.
fn forms_of(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return vec![address];
    };
    let segments = v6.segments();
    let v4_of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // ::ffff:a.b.c.d is the v4 address and nothing else.
        [0, 0, 0, 0, 0, 0xffff, high, low] => vec![v4_of(high, low)],
        // ::a.b.c.d (compatible) and ::ffff:0:a.b.c.d (translated); :: and ::1 are addresses of
        // their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![address],
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            vec![v4_of(high, low), address]
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => vec![v4_of(high, low), address],
        // A site's own NAT64 prefix; where the v4 address stands depends on its length.
        [0x64, 0xff9b, 1, _, _, _, high, low] => vec![v4_of(high, low), address],
        [0x2002, high, low, ..] => vec![v4_of(high, low), address],
        [0x2001, 0, _, _, _, _, high, low] => vec![v4_of(!high, !low), address],
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => vec![v4_of(high, low), address],
        _ => vec![address],
    }
}

/// Returns what lies at the address, nothing where it is public.
fn kind_of(address: IpAddr) -> Option<AddressKind> {
    match address {
        IpAddr::V4(v4) => kind_of_v4(v4),
        IpAddr::V6(v6) => kind_of_v6(v6),
    }
}

fn kind_of_v4(v4: Ipv4Addr) -> Option<AddressKind> {
    match v4.octets() {
        [127, ..] => Some(AddressKind::Loopback),
        [169, 254, ..] => Some(AddressKind::LinkLocal),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(AddressKind::Private),
        [100, 64..=127, ..] => Some(AddressKind::SharedByCarrier),
        [224..=239, ..] => Some(AddressKind::Multicast),
        // This network, protocol assignments, 6to4 relays, benchmarks, documentation, future use.
        [0, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [192, 0, 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Some(AddressKind::Reserved),
        _ => None,
    }
}

fn kind_of_v6(v6: Ipv6Addr) -> Option<AddressKind> {
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(AddressKind::Loopback),
        [0xfe80..=0xfebf, ..] => Some(AddressKind::LinkLocal),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(AddressKind::Private),
        [0xff00..=0xffff, ..] => Some(AddressKind::Multicast),
        // A translated address is judged by the v4 address in it, as far as that is known.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => None,
        [0x64, 0xff9b, 1, ..] => Some(AddressKind::Private),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some(AddressKind::Reserved),
        // Only 2000::/3 is given out.
        [0x2000..=0x3fff, ..] => None,
        _ => Some(AddressKind::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &EgressPolicy, address: &str, transport: Transport) -> &'static str {
        match policy.check("host", address.parse().unwrap(), transport) {
            Ok(()) => "ok",
            Err(EgressError::NotAllowed { kind, .. }) => kind.as_str(),
            Err(EgressError::Never { .. }) => "never",
            Err(EgressError::PlainToPublic { .. }) => "plain",
        }
    }

    fn allowing(networks: &[&str]) -> EgressPolicy {
        EgressPolicy::allowing(networks.iter().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn only_public_addresses_are_allowed_by_default() {
        for (address, expected) in [
            ("8.8.8.8", "ok"),
            ("2606:4700::1111", "ok"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("::1", "loopback"),
            ("10.1.2.3", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("172.32.0.1", "ok"),
            ("192.168.1.1", "private"),
            ("fd12:3456::1", "private"),
            ("fec0::1", "private"),
            ("100.64.0.1", "carrier-shared"),
            ("100.127.255.255", "carrier-shared"),
            ("100.128.0.1", "ok"),
            ("169.254.1.1", "link-local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("224.0.0.1", "multicast"),
            ("ff02::1", "multicast"),
            ("0.0.0.0", "reserved"),
            ("0.1.2.3", "reserved"),
            ("::", "reserved"),
            ("255.255.255.255", "reserved"),
            ("198.19.0.1", "reserved"),
            ("192.0.2.1", "reserved"),
            ("2001:db8::1", "reserved"),
            ("100::1", "reserved"),
            ("4000::1", "reserved"),
            ("169.254.169.254", "never"),
            ("169.254.170.2", "never"),
            ("fd00:ec2::254", "never"),
        ] {
            assert_eq!(
                judge(&EgressPolicy::default(), address, Transport::Tls),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn an_address_in_another_form_is_judged_as_what_it_stands_for() {
        for (address, expected) in [
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:8.8.8.8", "ok"),
            ("::ffff:169.254.169.254", "never"),
            ("::10.0.0.1", "private"),
            ("::ffff:0:10.0.0.1", "private"),
            ("2002:a00:1::", "private"),
            ("2002:a9fe:a9fe::1", "never"),
            ("2002:808:808::1", "ok"),
            ("64:ff9b::127.0.0.1", "loopback"),
            ("64:ff9b::169.254.169.254", "never"),
            ("64:ff9b::8.8.8.8", "ok"),
            ("64:ff9b:1::8.8.8.8", "private"),
            ("2001:0:1:2:3:4:80ff:fffe", "loopback"),
            ("2606:4700::200:5efe:10.0.0.1", "private"),
        ] {
            assert_eq!(
                judge(&EgressPolicy::default(), address, Transport::Tls),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn named_networks_are_allowed_and_credentials_never() {
        let policy = allowing(&["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "fd00::/8"]);
        for (address, expected) in [
            ("10.1.2.3", "ok"),
            ("::ffff:10.1.2.3", "ok"),
            ("127.0.0.1", "ok"),
            ("169.254.1.1", "ok"),
            ("169.254.169.254", "never"),
            ("::ffff:169.254.169.254", "never"),
            ("fd00:ec2::254", "never"),
            ("fd01::1", "ok"),
            ("192.168.0.1", "private"),
            ("::1", "loopback"),
        ] {
            assert_eq!(judge(&policy, address, Transport::Tls), expected, "{address}");
        }
        assert_eq!(
            judge(&allowing(&["0.0.0.0/0", "::/0"]), "169.254.169.254", Transport::Tls),
            "never"
        );
    }

    #[test]
    fn without_tls_only_named_networks_are_allowed() {
        let policy = allowing(&["10.0.0.0/8", "127.0.0.1/32"]);
        for (address, expected) in [
            ("10.0.0.1", "ok"),
            ("127.0.0.1", "ok"),
            ("127.0.0.2", "loopback"),
            ("8.8.8.8", "plain"),
            ("::ffff:8.8.8.8", "plain"),
            ("64:ff9b::8.8.8.8", "plain"),
            ("2606:4700::1111", "plain"),
        ] {
            assert_eq!(judge(&policy, address, Transport::Plain), expected, "{address}");
        }
    }
}
