use proptest::prelude::*;

use super::*;

/// Key and hash of the example in RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn answer(lines: &[&str]) -> Vec<u8> {
    let mut text = "HTTP/1.1 101 Switching Protocols\r\n".to_owned();
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn is_accepted(bytes: &[u8]) -> bool {
    let accepted = Response::Accepted {
        length: bytes.len(),
    };
    parse_response(bytes, KEY).is_ok_and(|parsed| parsed == accepted)
}

fn error(bytes: &[u8]) -> String {
    let error = parse_response(bytes, KEY).expect_err("refused").to_string();
    assert!(!error.contains('\n') && error.len() < 400, "{error}");
    error
}

#[test]
fn header_fields_are_parsed_as_http_defines_them() {
    let headers: [&[&str]; 12] = [
        &["Upgrade: websocket", "Connection: Upgrade", ACCEPT],
        &[
            "Upgrade: websocket",
            "Connection: keep-alive, Upgrade",
            ACCEPT,
        ],
        &[
            "Upgrade: websocket",
            "Connection: upgrade,keep-alive",
            ACCEPT,
        ],
        &[
            "Upgrade: websocket",
            "Connection: keep-alive",
            "Connection: UPGRADE",
            ACCEPT,
        ],
        &["UPGRADE: WebSocket", "connection:upgrade", ACCEPT],
        &["Upgrade: foo/1, websocket", "Connection: Upgrade", ACCEPT],
        &["Upgrade:   websocket  ", "Connection: \tUpgrade\t", ACCEPT],
        &["Upgrade : websocket", "Connection : Upgrade", ACCEPT],
        &[
            "Upgrade: websocket",
            "Connection: keep-alive,",
            " Upgrade",
            ACCEPT,
        ],
        &[
            "Upgrade: websocket",
            "Connection: Upgrade",
            ACCEPT,
            "Sec-WebSocket-Extensions:",
        ],
        &[
            "Server: \u{b77c}\u{c774}\u{b2e4}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            ACCEPT,
        ],
        &[
            "not a field",
            "Upgrade: websocket",
            "Connection: Upgrade",
            ACCEPT,
        ],
    ];
    for lines in headers {
        assert!(
            is_accepted(&answer(lines)),
            "{lines:?}: {:?}",
            parse_response(&answer(lines), KEY)
        );
    }
}

#[test]
fn status_line_is_parsed_as_servers_write_it() {
    for line in [
        "HTTP/1.1 101",
        "HTTP/1.1 101 ",
        "HTTP/1.0 101 Switching Protocols",
        "HTTP/1.1  101  OK",
    ] {
        let head =
            format!("{line}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\r\n");
        assert!(
            is_accepted(head.as_bytes()),
            "{line}: {:?}",
            parse_response(head.as_bytes(), KEY)
        );
        let unix = head.replace("\r\n", "\n");
        assert!(is_accepted(unix.as_bytes()), "{line} with line feeds only");
    }
}

#[test]
fn required_header_fields_are_checked() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["Connection: Upgrade", ACCEPT],
            "no Upgrade, where websocket",
        ),
        (
            &["Upgrade: h2c", "Connection: Upgrade", ACCEPT],
            "Upgrade: h2c, where websocket",
        ),
        (
            &["Upgrade: websocket", ACCEPT],
            "no Connection, where Upgrade",
        ),
        (
            &["Upgrade: websocket", "Connection: close", ACCEPT],
            "Connection: close, where",
        ),
        (
            &["Upgrade: websocket", "Connection: Upgrade"],
            "no Sec-WebSocket-Accept",
        ),
        (
            &[
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Accept: x",
            ],
            "Sec-WebSocket-Accept: x, where the hash of the request's key",
        ),
    ];
    for (lines, words) in cases {
        let error = error(&answer(lines));
        assert!(error.contains(words), "{lines:?}: {error}");
    }
}

#[test]
fn unrequested_extension_or_subprotocol_is_refused_by_name() {
    for (field, words) in [
        (
            "Sec-WebSocket-Extensions: permessage-deflate",
            "extension \"permessage-deflate\"",
        ),
        ("Sec-WebSocket-Protocol: mqtt", "subprotocol \"mqtt\""),
    ] {
        let head = answer(&["Upgrade: websocket", "Connection: Upgrade", ACCEPT, field]);
        assert!(error(&head).contains(words), "{}", error(&head));
    }
}

#[test]
fn other_status_is_named_with_the_cure() {
    for (head, words) in [
        (
            "404 Not Found",
            &["no WebSocket server", "404 Not Found", "another service"][..],
        ),
        (
            "400 Bad Request",
            &["400 Bad Request", "tls.enabled to true"],
        ),
        ("401 Unauthorized", &["401 Unauthorized", "login"]),
        (
            "503 Service Unavailable",
            &["503 Service Unavailable", "not ready"],
        ),
        (
            "301 Moved\r\nLocation: https://sensr.example/",
            &["301 Moved", "redirects to https://sensr.example/"],
        ),
    ] {
        for version in ["1.0", "1.1"] {
            let error = error(format!("HTTP/{version} {head}\r\n\r\n").as_bytes());
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}

#[test]
fn response_that_is_not_http_is_shown() {
    assert!(error(b"SSH-2.0-OpenSSH_9.6\r\n").contains("\"SSH-2.0-OpenSSH_9.6\""));
    assert!(error(b"\x00\x01\x1b[31m\r\n").contains("\u{fffd}\u{fffd}\u{fffd}[31m"));
    assert!(error(&vec![b'x'; 100_000]).contains('…'));
}

#[test]
fn informational_response_is_skipped() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let parsed = parse_response(interim, KEY).expect("HTTP");
    assert_eq!(
        parsed,
        Response::Interim {
            length: interim.len()
        }
    );
}

proptest! {
    /// Part of a response is incomplete, never accepted, and bytes after it are not part of it.
    #[test]
    fn response_ends_at_the_empty_line(part in 0usize..200, frames in proptest::collection::vec(any::<u8>(), 0..50)) {
        let head = answer(&["Upgrade: websocket", "Connection: keep-alive, Upgrade", ACCEPT]);
        let part = part.min(head.len() - 1);
        prop_assert_eq!(parse_response(&head[..part], KEY).expect("valid so far"), Response::Incomplete);
        let whole = [&head[..], &frames[..]].concat();
        prop_assert_eq!(parse_response(&whole, KEY).expect("valid"), Response::Accepted { length: head.len() });
    }

    #[test]
    fn any_bytes_are_refused_in_one_line(bytes in proptest::collection::vec(any::<u8>(), 0..300), http: bool) {
        let start: &[u8] = if http { b"HTTP/1.1 101 \r\n" } else { b"" };
        if let Err(error) = parse_response(&[start, &bytes].concat(), KEY) {
            let error = error.to_string();
            prop_assert!(!error.contains('\n') && error.len() < 1000, "{}", error);
        }
    }
}
