//! Validation of host names and addresses, so that a link does not retry an impossible one forever.
//!
//! `getaddrinfo` takes `10` for 0.0.0.10, `192.0.2.010` for 192.0.2.8, and a pasted URL for a host name that does not
//! exist yet. All of these are refused here with the cure.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::escape::{escape_invisible, is_invisible};

/// Longest host name and longest label, in characters (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// Invalid host name or address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{}\" {problem}", escape_invisible(text))]
pub struct AddressError {
    text: String,
    problem: AddressProblem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum AddressProblem {
    #[error("is empty: give a host name or an IP address")]
    Empty,
    #[error("has invisible characters: retype it instead of copying it")]
    Invisible,
    #[error("has blanks: give one host name or IP address")]
    Blank,
    #[error("names several machines: give one")]
    Several,
    #[error(
        "has a {0}: give the address without scheme, port and brackets; the ports are output_port and points_port"
    )]
    PartOfUrl(&'static str),
    #[error("is not an IPv6 address")]
    NotIpv6,
    #[error(
        "is not an IPv4 address: that is four numbers from 0 to 255 without leading zeros, such as 192.0.2.10"
    )]
    NotIpv4,
    #[error("has non-ASCII characters: give the ASCII form of the name (xn--…), or the IP address")]
    NotAscii,
    #[error("has the character {0}, which is not allowed in host names")]
    Character(char),
    #[error(
        "is not a host name: labels between dots have 1 to {MAX_LABEL} characters, the name at most {MAX_NAME}"
    )]
    Length,
}

/// Checks the parameter `host`: an address, or the name of a site, which may be anything that does not look like a part
/// of a URL.
pub fn check_host(text: &str) -> Result<(), AddressError> {
    find_url_part(text).map_or(Ok(()), |problem| to_error(text, problem))
}

/// Checks the address of a machine: an IPv4 address, an IPv6 address, or a host name in ASCII.
pub fn check_address(text: &str) -> Result<(), AddressError> {
    let problem = find_url_part(text).or_else(|| {
        if is_ipv6(text) {
            None
        } else {
            find_name_problem(text)
        }
    });
    problem.map_or(Ok(()), |problem| to_error(text, problem))
}

fn to_error(text: &str, problem: AddressProblem) -> Result<(), AddressError> {
    Err(AddressError {
        text: text.to_owned(),
        problem,
    })
}

fn find_url_part(text: &str) -> Option<AddressProblem> {
    let has = |letters: &[char]| text.contains(letters);
    if text.is_empty() {
        Some(AddressProblem::Empty)
    } else if text.contains(is_invisible) {
        Some(AddressProblem::Invisible)
    } else if text.contains(char::is_whitespace) {
        Some(AddressProblem::Blank)
    } else if has(&[',', ';']) {
        Some(AddressProblem::Several)
    } else if text.contains("://") {
        Some(AddressProblem::PartOfUrl("scheme"))
    } else if has(&['@']) {
        Some(AddressProblem::PartOfUrl("user"))
    } else if has(&['/', '\\', '?', '#']) {
        Some(AddressProblem::PartOfUrl("path"))
    } else if has(&['[', ']']) {
        Some(AddressProblem::PartOfUrl("bracket"))
    } else if has(&[':']) && !is_ipv6(text) {
        let is_port = text.matches(':').count() == 1;
        Some(if is_port {
            AddressProblem::PartOfUrl("port")
        } else {
            AddressProblem::NotIpv6
        })
    } else {
        None
    }
}

/// Returns whether the text is an IPv6 address, with or without a zone (RFC 4007, section 11).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let is_zone_char =
        |letter: char| letter.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&letter);
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_zone_char)
}

fn find_name_problem(text: &str) -> Option<AddressProblem> {
    // A trailing dot makes a name absolute.
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_invalid = |letter: &char| !(letter.is_ascii_alphanumeric() || "-_.".contains(*letter));
    if is_number(last) {
        // No top-level domain is a number, and the resolver takes all of these for an IPv4 address.
        let is_ipv4 = text.parse::<Ipv4Addr>().is_ok();
        (!is_ipv4).then_some(AddressProblem::NotIpv4)
    } else if !text.is_ascii() {
        Some(AddressProblem::NotAscii)
    } else if let Some(letter) = name.chars().find(is_invalid) {
        Some(AddressProblem::Character(letter))
    } else {
        let fits = |label: &str| (1..=MAX_LABEL).contains(&label.len());
        let is_name = name.len() <= MAX_NAME && name.split('.').all(fits);
        (!is_name).then_some(AddressProblem::Length)
    }
}

/// Returns whether the resolver takes a label for a number: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or(label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.chars().all(|digit| digit.is_ascii_hexdigit()),
        None => !label.is_empty() && label.chars().all(|digit| digit.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_names_of_all_kinds_are_accepted() {
        for text in [
            "192.0.2.10",
            "0.0.0.0",
            "::1",
            "2001:db8::7",
            "::ffff:192.0.2.1",
            "fe80::1%eth0",
            "fe80::1%enp0s31f6.100",
            "localhost",
            "SENSR-01",
            "sensr_box",
            "sensr.example",
            "sensr.example.",
            "7.sensr.example",
            "1e2.0xg",
            "xn--bj0bj06e.example",
            "a",
        ] {
            assert_eq!(check_address(text), Ok(()), "{text}");
            assert_eq!(check_host(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn site_name_may_be_any_word() {
        for name in ["항구", "08", "2e1", "N", "10", "1.2", "yard (north)", "*"] {
            let is_word = !name.contains(' ');
            assert_eq!(check_host(name).is_ok(), is_word, "{name}");
        }
    }

    #[test]
    fn parts_of_urls_are_refused_with_the_cure() {
        for (text, part) in [
            ("ws://192.0.2.10:5050", "scheme"),
            ("wss://sensr.example/", "scheme"),
            ("http://[::1]:5050", "scheme"),
            ("192.0.2.10:5050", "port"),
            ("sensr.example:", "port"),
            ("sensr:5050", "port"),
            ("[::1]", "bracket"),
            ("[::1]:5050", "bracket"),
            ("admin@sensr", "user"),
            ("192.0.2.10/24", "path"),
            ("\\\\sensr", "path"),
        ] {
            for check in [check_host, check_address] {
                let line = check(text).expect_err("refused").to_string();
                assert!(
                    line.starts_with(&format!("\"{text}\" has a {part}: ")),
                    "{line}"
                );
                assert!(
                    line.contains("without scheme, port and brackets; the ports are output_port")
                );
            }
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (text, words) in [
            ("", "\"\" is empty"),
            ("a,b", "names several machines"),
            ("a;b", "names several machines"),
            ("two words", "has blanks"),
            ("192.0.2.10\u{a0}", "has blanks"),
            (
                "192.0.2.10\u{200b}",
                "\"192.0.2.10\\u{200b}\" has invisible characters",
            ),
            ("\u{feff}sensr", "\"\\u{feff}sensr\" has invisible"),
            ("se\u{ad}nsr", "\\u{ad}"),
            ("\u{202a}192.0.2.10\u{202c}", "\\u{202a}192.0.2.10\\u{202c}"),
            ("sensr\u{3164}", "\\u{3164}"),
            ("sen\nsr", "\\n"),
            ("sen\u{1b}[1m", "\\u{1b}"),
            ("nul\0", "\\0"),
            ("1::2::3", "not an IPv6 address"),
            ("fe80::1%", "not an IPv6 address"),
            ("fe80::1%a b", "has blanks"),
            ("2001:db8::g", "not an IPv6 address"),
        ] {
            for check in [check_host, check_address] {
                let line = check(text).expect_err("refused").to_string();
                assert!(line.contains(words), "{line}");
                assert!(!line.contains(is_invisible), "{line:?}");
            }
        }
        for (text, words) in [
            ("300.1.1.1", "not an IPv4 address"),
            ("1.2.3", "not an IPv4 address"),
            ("10", "not an IPv4 address"),
            ("0x7f.1", "not an IPv4 address"),
            ("0x7f000001", "not an IPv4 address"),
            ("192.0.2.010", "without leading zeros"),
            ("192.0.2.10.", "not an IPv4 address"),
            ("1.2.3.4.5", "not an IPv4 address"),
            ("sensr.7", "not an IPv4 address"),
            ("센서.example", "non-ASCII"),
            ("a*b", "the character *"),
            ("\"a\"", "the character \""),
            ("sensr%eth0", "the character %"),
            ("a..b", "labels between dots"),
            (".a", "labels between dots"),
            (".", "labels between dots"),
            (&"a".repeat(64), "labels between dots"),
            (&"a.".repeat(128), "at most 253"),
        ] {
            let line = check_address(text).expect_err("refused").to_string();
            assert!(line.contains(words), "{line}");
            assert_eq!(check_host(text), Ok(()), "may be a site: {text}");
        }
    }

    proptest! {
        /// Accepted texts are passed to a URL and the resolver unchanged, and a numeric one resolves to itself.
        #[test]
        fn accepted_texts_can_be_connected_to(text in "[0-9a-fA-Fx.:%\\[\\]_-]{0,20}|\\PC{0,12}") {
            match check_address(&text) {
                Ok(()) => {
                    prop_assert!(text.is_ascii() && !text.contains(char::is_whitespace));
                    prop_assert_eq!(check_host(&text), Ok(()));
                    if text.ends_with(|letter: char| letter.is_ascii_digit())
                        && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
                    {
                        let found = (text.as_str(), 5050).to_socket_addrs().expect("a number").next();
                        prop_assert_eq!(found.map(|address| address.ip().to_string()), Some(text));
                    }
                }
                Err(error) => {
                    let line = error.to_string();
                    prop_assert!(!line.contains(char::is_control), "{:?}", line);
                }
            }
        }

        #[test]
        fn every_ip_address_is_accepted(four: [u8; 4], sixteen: [u8; 16]) {
            prop_assert_eq!(check_address(&Ipv4Addr::from(four).to_string()), Ok(()));
            prop_assert_eq!(check_address(&Ipv6Addr::from(sixteen).to_string()), Ok(()));
        }
    }
}
