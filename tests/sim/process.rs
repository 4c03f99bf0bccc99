//! The executable.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use sensr_bridge::sim::Report;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, soon};

/// A running simulator, killed when dropped.
struct Sim {
    child: Child,
    stdout: UnboundedReceiver<String>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sim {
    fn spawn(arguments: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sensr_sim"))
            .args(arguments.split_whitespace())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable is there");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (line, stdout) = unbounded_channel();
        std::thread::spawn(move || {
            for text in lines.map_while(Result::ok) {
                // The test may have ended.
                let _ = line.send(text);
            }
        });
        Self { child, stdout }
    }

    async fn event(&mut self) -> Value {
        let line = soon(self.stdout.recv()).await.expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Exit status and what was written to stderr.
    async fn end(mut self) -> (ExitStatus, String) {
        let ended = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let mut stderr = self.child.stderr.take().expect("piped");
            stderr.read_to_string(&mut text).expect("text");
            (self.child.wait().expect("waited for"), text)
        });
        soon(ended).await.expect("no panic")
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }
}

fn address(event: &Value, port: &str) -> std::net::SocketAddr {
    assert_eq!(event["event"], "listening");
    assert_eq!(event["bind"], "127.0.0.1");
    let port = event[port].as_u64().expect("a port");
    format!("127.0.0.1:{port}").parse().expect("an address")
}

const ANY: &str = "--points-port 0 --output-port 0 --points 1000";

#[tokio::test]
async fn says_where_it_listens_and_what_it_did() {
    let mut sim = Sim::spawn(&format!("{ANY} --count 3 --rate 100 --types raw"));
    let listening = sim.event().await;
    let mut client = Client::connect(address(&listening, "points_port")).await;
    assert_eq!(client.rest().await.0.len(), 3);
    let done = sim.event().await;
    assert_eq!(done["event"], "done");
    assert_eq!(done["points"]["delivered"], 3);
    assert_eq!(done["clouds"]["raw"], 3);
    assert_eq!(done["clients"]["overflowed"], 0);
    let keys = serde_json::to_value(Report::default()).expect("JSON");
    for key in keys.as_object().expect("an object").keys() {
        assert!(done.get(key).is_some(), "{key} is missing");
    }
    let (status, stderr) = sim.end().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[tokio::test]
async fn ends_well_on_signals() {
    for name in ["INT", "TERM"] {
        let mut sim = Sim::spawn(ANY);
        let listening = sim.event().await;
        let mut points = Client::connect(address(&listening, "points_port")).await;
        let mut output = Client::connect(address(&listening, "output_port")).await;
        points.points().await;
        sim.signal(name);
        assert_eq!(points.rest().await.1.code, CloseCode::Away);
        assert_eq!(output.rest().await.1.code, CloseCode::Away);
        assert_eq!(sim.event().await["event"], "done");
        let (status, stderr) = sim.end().await;
        assert_eq!(status.code(), Some(0), "{name}: {stderr}");
    }
}

#[tokio::test]
async fn bad_requests_end_with_2_and_one_line() {
    for (arguments, word) in [
        ("--rate 0", "rate"),
        ("--rate -1", "rate"),
        ("--scene street --replay x", "--replay"),
        ("--replay /nowhere/scan.pcd", "/nowhere/scan.pcd"),
        ("--replay /nowhere/bag.mcap", "/nowhere/bag.mcap"),
        ("--replay /nowhere/bag.mcap --rate 5", "--rate"),
        ("--replay /nowhere/bag.mcap --speed 1001", "speed"),
        ("--replay /nowhere/bag.mcap.zstd --speed 2", "bag.mcap.zstd"),
        ("--types raw,sky", "sky"),
        ("--points 99999999", "points"),
        ("--what", "--what"),
    ] {
        // Not on the usual ports: somebody else's may be there.
        let (status, stderr) = Sim::spawn(&format!("--points-port 0 --output-port 0 {arguments}"))
            .end()
            .await;
        assert_eq!(status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains(word), "{arguments}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments}: {stderr}");
    }
}

#[tokio::test]
async fn a_port_in_use_ends_with_1_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let sim = Sim::spawn(&format!("{ANY} --points-port {port}").replace("--points-port 0 ", ""));
    let (status, stderr) = sim.end().await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
    assert!(stderr.contains("points stream"), "{stderr}");
}
