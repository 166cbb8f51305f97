//! The gateway of the network that the machine is in: a container's clients come from there if they came by a
//! published port.

use std::net::{IpAddr, Ipv4Addr};

/// The address of the default route, where there is one.
pub fn gateway() -> Option<IpAddr> {
    default_route(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// Reads Linux's table of routes: interface, destination and gateway, addresses in hexadecimal as they lie in
/// memory.
fn default_route(table: &str) -> Option<IpAddr> {
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (destination, gateway) = (words.next()?, words.next()?);
        let address = u32::from_str_radix(gateway, 16).ok()?;
        let is_default = destination == "00000000" && address != 0;
        is_default.then(|| Ipv4Addr::from(address.to_ne_bytes()).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_is_found() {
        let memory = |address: Ipv4Addr| format!("{:08X}", u32::from_ne_bytes(address.octets()));
        let gateway = memory(Ipv4Addr::new(172, 17, 0, 1));
        let table = format!(
            "Iface\tDestination\tGateway\tFlags\neth0\t000011AC\t00000000\t0001\neth0\t00000000\t{gateway}\t0003\n"
        );
        assert_eq!(default_route(&table), Some(Ipv4Addr::new(172, 17, 0, 1).into()));
        for none in [
            "",
            "Iface\n",
            "Iface\neth0\n",
            "Iface\neth0\t00000000\t00000000\n",
            "Iface\neth0\t00000000\tx\n",
        ] {
            assert_eq!(default_route(none), None);
        }
    }
}
