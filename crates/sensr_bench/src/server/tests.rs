use std::fs;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use sensr_protocol::wire::CloudType;
use sensr_sim::{CA_FILE, TlsOptions};

use super::*;
use crate::client::{Client, ClientOptions, find_first_cloud};
use crate::clock::now_ns;

const HOST: &str = "127.0.0.1";
/// Longer than any machine takes; events are awaited, not slept for.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(csv: &Path) -> ServerOptions {
    ServerOptions {
        address: Ipv4Addr::LOCALHOST.into(),
        points_port: 0,
        output_port: 0,
        tls: None,
        pace_mbit: None,
        points: vec![100, 100_000],
        types: vec![CloudType::Raw],
        frames: 1,
        rate: 0.0,
        burst: NonZeroU32::MIN,
        warmup_rate: 1000.0,
        extent: Extent::Frames(6),
        reconnect_every: None,
        clients: 1,
        objects: 2,
        object_points: 3,
        output_rate: 1000.0,
        csv: Some(csv.to_owned()),
    }
}

fn start(options: ServerOptions) -> (Server, Receiver<Event>) {
    let (sender, events) = mpsc::channel();
    let sink = move |event| sender.send(event).expect("the test listens");
    (Server::start(options, Box::new(sink)).unwrap(), events)
}

fn connect(port: u16, ca_file: Option<&Path>) -> Client {
    let options = ClientOptions {
        ca_file,
        pause: None,
    };
    Client::connect(HOST, port, &options).unwrap()
}

/// Reads a frame and returns its number and the number of its points.
fn read(client: &mut Client) -> (u32, usize) {
    let cloud = find_first_cloud(client.read_message().unwrap()).unwrap();
    #[expect(
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "a number"
    )]
    let number = f32::from_le_bytes(cloud.x) as u32;
    (number, cloud.points)
}

/// Returns client, number and points of the rows, and checks their times.
fn rows(csv: &Path) -> Vec<(usize, u32, usize)> {
    let text = fs::read_to_string(csv).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let values: Vec<i64> = line
            .split(',')
            .map(|value| value.parse().unwrap())
            .collect();
        let [client, number, before, after, points] = values[..] else {
            panic!("{line}");
        };
        assert!(0 < before && before <= after && after <= now_ns());
        let number = number.try_into().unwrap();
        (
            client.try_into().unwrap(),
            number,
            points.try_into().unwrap(),
        )
    });
    rows.collect()
}

#[test]
fn frames_are_numbered_and_those_of_the_measured_part_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("sent.csv");
    let (server, events) = start(options(&csv));
    let mut client = connect(server.points_ports()[0], None);
    assert_eq!(read(&mut client), (0, 100));
    server.begin_measuring();
    let mut next = 1;
    let mut read_next = || {
        let points = if next % 2 == 0 { 100 } else { 100_000 };
        assert_eq!(read(&mut client), (next, points));
        next += 1;
        next
    };
    // A client that does not read would stop the server before it is steady.
    let number = loop {
        match events.try_recv() {
            Ok(Event::Steady { client: 0, number }) => break number,
            Ok(other) => panic!("{other:?}"),
            Err(_) => read_next(),
        };
    };
    while read_next() < number + 6 {}
    let end = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        end,
        Event::End {
            client: 0,
            number: number + 6
        }
    );
    let numbers: Vec<u32> = rows(&csv).into_iter().map(|row| row.1).collect();
    assert_eq!(numbers, (number..number + 6).collect::<Vec<_>>());
}

#[test]
fn tls_client_with_the_authority_gets_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("sent.csv");
    let (server, _events) = start(ServerOptions {
        tls: Some(TlsOptions::new(folder.path())),
        ..options(&csv)
    });
    let mut client = connect(server.points_ports()[0], Some(&folder.path().join(CA_FILE)));
    assert_eq!(read(&mut client), (0, 100));
    assert_eq!(read(&mut client), (1, 100_000));
}

#[test]
fn numbers_continue_after_the_server_has_closed_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("sent.csv");
    let (server, events) = start(ServerOptions {
        reconnect_every: NonZeroU32::new(4),
        ..options(&csv)
    });
    server.begin_measuring();
    let mut client = connect(server.points_ports()[0], None);
    for expected in 0..4 {
        assert_eq!(read(&mut client).0, expected);
    }
    client.read_message().unwrap_err();
    let mut client = connect(server.points_ports()[0], None);
    assert_eq!(read(&mut client).0, 4);
    assert_eq!(read(&mut client).0, 5);
    let begin = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        begin,
        Event::Steady {
            client: 0,
            number: 0
        }
    );
    let end = events.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        end,
        Event::End {
            client: 0,
            number: 6
        }
    );
    assert_eq!(rows(&csv).len(), 6);
}

#[test]
fn each_client_has_a_port_and_numbers_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("sent.csv");
    let (server, events) = start(ServerOptions {
        clients: 2,
        ..options(&csv)
    });
    server.begin_measuring();
    let mut clients = [0, 1].map(|client| connect(server.points_ports()[client], None));
    for expected in 0..6 {
        for client in &mut clients {
            assert_eq!(read(client).0, expected);
        }
    }
    for _ in 0..4 {
        events.recv_timeout(PATIENCE).unwrap();
    }
    let mut rows = rows(&csv);
    rows.sort_unstable();
    let expected: Vec<(usize, u32)> = (0..2).flat_map(|c| (0..6).map(move |n| (c, n))).collect();
    let found: Vec<(usize, u32)> = rows.into_iter().map(|row| (row.0, row.1)).collect();
    assert_eq!(found, expected);
}

#[test]
fn output_stream_sends_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _events) = start(options(&folder.path().join("sent.csv")));
    let client = Client::connect(HOST, server.output_port(), &ClientOptions::default());
    let mut client = client.unwrap();
    for _ in 0..3 {
        assert!(client.read_message().unwrap().len() > 100);
    }
}
