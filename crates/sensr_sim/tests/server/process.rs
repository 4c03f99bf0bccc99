//! The executable as a process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use sensr_sim::{CA_FILE, Report};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::support::{Client, within_limit};
use crate::test_bags::folder;

/// Running simulator, killed when dropped.
struct Sim {
    child: Child,
    stdout: UnboundedReceiver<String>,
}

impl Drop for Sim {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sim {
    fn spawn(arguments: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sensr_sim"))
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the executable is there");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (line, stdout) = unbounded_channel();
        std::thread::spawn(move || {
            for text in lines.map_while(Result::ok) {
                // The test may have ended already.
                let _ = line.send(text);
            }
        });
        Self { child, stdout }
    }

    async fn next_event(&mut self) -> Value {
        let line = within_limit(self.stdout.recv()).await.expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    /// Waits for the end; returns the exit status and the text of stderr.
    async fn wait_for_end(mut self) -> (ExitStatus, String) {
        let ended = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let mut stderr = self.child.stderr.take().expect("piped");
            stderr.read_to_string(&mut text).expect("text");
            (self.child.wait().expect("waited for"), text)
        });
        within_limit(ended).await.expect("no panic")
    }

    fn send_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").expect("the simulator reads");
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
async fn prints_its_ports_and_its_counts() {
    let mut sim = Sim::spawn(&format!("{ANY} --count 3 --rate 100 --types raw"));
    let listening = sim.next_event().await;
    let mut client = Client::connect(address(&listening, "points_port")).await;
    assert_eq!(client.rest().await.0.len(), 3);
    let done = sim.next_event().await;
    assert_eq!(done["event"], "done");
    assert_eq!(done["points"]["delivered"], 3);
    assert_eq!(done["clouds"]["raw"], 3);
    assert_eq!(done["clients"]["overflowed"], 0);
    let keys = serde_json::to_value(Report::default()).expect("JSON");
    for key in keys.as_object().expect("an object").keys() {
        assert!(done.get(key).is_some(), "{key} is missing");
    }
    let (status, stderr) = sim.wait_for_end().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[tokio::test]
async fn signals_stop_it_gracefully() {
    for name in ["INT", "TERM"] {
        let mut sim = Sim::spawn(ANY);
        let listening = sim.next_event().await;
        let mut points = Client::connect(address(&listening, "points_port")).await;
        let mut output = Client::connect(address(&listening, "output_port")).await;
        points.points().await;
        sim.signal(name);
        assert_eq!(points.rest().await.1.code, CloseCode::Away);
        assert_eq!(output.rest().await.1.code, CloseCode::Away);
        assert_eq!(sim.next_event().await["event"], "done");
        let (status, stderr) = sim.wait_for_end().await;
        assert_eq!(status.code(), Some(0), "{name}: {stderr}");
    }
}

#[tokio::test]
async fn invalid_requests_end_with_2_and_one_line() {
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
        ("--fault explode", "unknown fault"),
        ("--script /nowhere/faults", "/nowhere/faults"),
        ("--chaos 1 --chaos-pause 0", "chaos pause"),
        ("--tls-expired", "--tls"),
    ] {
        // Not on the default ports, which another process may use.
        let (status, stderr) = Sim::spawn(&format!("--points-port 0 --output-port 0 {arguments}"))
            .wait_for_end()
            .await;
        assert_eq!(status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains(word), "{arguments}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments}: {stderr}");
    }
}

#[tokio::test]
async fn port_in_use_ends_with_1_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let sim = Sim::spawn(&format!("{ANY} --points-port {port}").replace("--points-port 0 ", ""));
    let (status, stderr) = sim.wait_for_end().await;
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("127.0.0.1:{port}")), "{stderr}");
    assert!(stderr.contains("points stream"), "{stderr}");
}

#[tokio::test]
async fn runs_commands_of_stdin_and_continues_after_its_end() {
    let mut sim = Sim::spawn(&format!("{ANY} --control --free-running"));
    assert_eq!(sim.next_event().await["tls"], false);
    for (line, word) in [
        ("explode", "refuse"),
        ("at 3 cut", "script"),
        ("cut for 2", "cut"),
    ] {
        sim.send_line(line);
        let error = sim.next_event().await;
        assert_eq!(
            (&error["event"], &error["line"]),
            (&"error".into(), &line.into())
        );
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(word), "{message}");
    }
    sim.send_line("\nrefuse points for 0.1");
    drop(sim.child.stdin.take());
    for name in ["fault", "recovered"] {
        let event = sim.next_event().await;
        assert_eq!(event["event"], name);
        assert_eq!(
            (&event["fault"], &event["link"]),
            (&"refuse".into(), &"points".into())
        );
        assert!(event["at"].as_f64().is_some(), "{event}");
    }
    sim.signal("TERM");
    let done = sim.next_event().await;
    assert_eq!(done["points"]["faults"]["refuse"], 1);
    let (status, stderr) = sim.wait_for_end().await;
    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[tokio::test]
async fn runs_the_faults_of_script_and_command_line() {
    let script = folder("script").join("faults.txt");
    std::fs::write(
        &script,
        "# two\ntext points\n\nat 0.1 pings points # more\n",
    )
    .expect("written");
    let script = script.to_str().expect("text");
    let mut sim = Sim::spawn(&format!(
        "{ANY} --rate 100 --count 50 --script {script} --fault garbage"
    ));
    let listening = sim.next_event().await;
    let mut client = Client::connect(address(&listening, "points_port")).await;
    let (frames, _) = client.rest().await;
    let mut events = Vec::new();
    let done = loop {
        let event = sim.next_event().await;
        if event["event"] == "done" {
            break event;
        }
        events.push(event);
    };
    assert_eq!(events.len(), 6, "begin and end of three faults: {events:?}");
    let expected = serde_json::json!({"text": 1, "pings": 1, "garbage": 1});
    assert_eq!(done["points"]["faults"], expected);
    assert_eq!(done["points"]["injected"], 1);
    assert_eq!(done["points"]["injected_text"], 1);
    assert_eq!(
        (frames.len(), &done["points"]["delivered"]),
        (51, &50.into())
    );

    std::fs::write(script, "cut\nexplode\n").expect("written");
    let sim = Sim::spawn(&format!("{ANY} --script {script}"));
    let (status, stderr) = sim.wait_for_end().await;
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("line 2: explode"), "{stderr}");
}

#[tokio::test]
async fn client_without_tls_is_logged() {
    let dir = folder("tls-log");
    let mut sim = Sim::spawn(&format!("{ANY} --tls {}", dir.display()));
    let listening = sim.next_event().await;
    assert_eq!(listening["tls"], true);
    assert!(dir.join(CA_FILE).is_file());
    let connected = TcpStream::connect(address(&listening, "output_port")).await;
    let mut plain = connected.expect("accepted");
    plain
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    let mut answer = Vec::new();
    // The kind of end does not matter.
    let _ = within_limit(plain.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    sim.signal("TERM");
    assert_eq!(sim.next_event().await["event"], "done");
    let (_, stderr) = sim.wait_for_end().await;
    let mut lines = stderr.lines().filter(|line| line.contains("WARN"));
    let warning = lines.next().expect("a warning");
    assert!(warning.contains("TLS handshake failed: "), "{warning}");
}
