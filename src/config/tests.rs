use super::*;

fn config_with(changes: &[(&str, Value)]) -> Result<Config, ParameterError> {
    let mut settings = Settings::of(&BRIDGE);
    for (name, value) in changes {
        settings.set(name, value.clone())?;
    }
    Config::from_settings(&settings)
}

#[test]
fn defaults_are_valid() {
    let config = Config::default();
    assert_eq!(config.host, "localhost");
    assert_eq!(config.hosts_file, None);
    assert_eq!(config.points_port, 5051);
    assert_eq!(
        config.publish,
        [true, true, true, true, true, true, true, true, false]
    );
    assert!(config.publishes(Topic::ZoneEvents) && !config.publishes(Topic::Wire));
    assert!(config.qos.reliable);
}

#[test]
fn values_are_converted() {
    let config = config_with(&[
        ("pointcloud_interval", Value::Double(0.25)),
        ("publish.ground", Value::Bool(false)),
        ("qos.reliability", Value::String("best_effort".into())),
        ("reconnect.max_delay", Value::Integer(3)),
        ("hosts_file", Value::String("sites.yaml".into())),
    ])
    .expect("valid");
    assert_eq!(config.pointcloud_interval, Duration::from_millis(250));
    assert!(config.publishes(Topic::Raw) && !config.publishes(Topic::Ground));
    assert!(!config.qos.reliable);
    assert_eq!(config.reconnect.max_delay, Duration::from_secs(3));
    assert_eq!(config.hosts_file, Some("sites.yaml".into()));
}

#[test]
fn settings_of_the_site_override_the_parameters() {
    let hosts = Hosts::parse(
        std::path::Path::new("hosts.yaml"),
        "sites: {pier: {address: 192.0.2.9, output_port: 6050, frame_id: pier_lidar, parent_frame: map}}",
    )
    .expect("valid");
    let at = |host: &str| {
        let given = config_with(&[("host", Value::String(host.into()))]).expect("valid");
        ResolvedConfig::with_hosts(given, &hosts).expect("fits")
    };
    let pier = at("pier");
    assert_eq!(
        (&*pier.host, pier.output_port, pier.points_port),
        ("192.0.2.9", 6050, 5051)
    );
    assert_eq!(
        (&*pier.frame_id, pier.parent_frame.as_deref()),
        ("pier_lidar", Some("map"))
    );
    let json = pier.as_json();
    assert_eq!(
        (
            &json["frame_id"],
            &json["parent_frame"],
            &json["output_port"]
        ),
        (&"pier_lidar".into(), &"map".into(), &6050.into())
    );
    assert_eq!(at("192.0.2.77").frame_id, "sensr");
}

#[test]
fn tls_of_the_site_overrides_the_parameters_and_needs_a_ca_file() {
    let hosts = Hosts::parse(
        std::path::Path::new("/etc/sensr/hosts.yaml"),
        "sites:\n  pier: {address: 192.0.2.9, tls: {ca_file: pier.crt, verify_name: false}}\n  \
         yard: {address: 192.0.2.8, tls: {enabled: false}}\n  dock: {address: 192.0.2.7, tls: {}}\n",
    )
    .expect("valid");
    let at = |host: &str, changes: &[(&str, Value)]| {
        let host = ("host", Value::String(host.into()));
        let config = config_with(&[&[host], changes].concat()).expect("valid");
        ResolvedConfig::with_hosts(config, &hosts)
    };
    let pier = at("pier", &[]).expect("has a CA file");
    let expected = TlsOptions {
        ca_file: "/etc/sensr/pier.crt".into(),
        server_name: None,
        verify_name: false,
    };
    assert_eq!(pier.enabled_tls(), Some(&expected));
    let on = ("tls.enabled", Value::Bool(true));
    assert_eq!(
        at("yard", std::slice::from_ref(&on))
            .expect("off")
            .enabled_tls(),
        None
    );
    for host in ["dock", "192.0.2.1"] {
        let error = at(host, std::slice::from_ref(&on))
            .expect_err("no CA file")
            .to_string();
        assert_eq!(
            error,
            "parameter tls.ca_file must be set, tls.enabled needs it"
        );
    }
    let error = at("dock", &[]).expect_err("no CA file").to_string();
    let expected = "parameter tls.ca_file must be set, tls of the site in the hosts file needs it";
    assert_eq!(error, expected);
    let ca_file = ("tls.ca_file", Value::String("ca.crt".into()));
    let dock = at("dock", &[ca_file])
        .expect("has one")
        .enabled_tls()
        .cloned();
    assert_eq!(dock.map(|tls| tls.ca_file), Some("ca.crt".into()));
}

#[test]
fn frame_must_not_be_its_own_parent() {
    let error = config_with(&[("parent_frame", Value::String("sensr".into()))])
        .expect_err("the same frame")
        .to_string();
    assert!(
        error.contains("parent_frame") && error.contains("frame_id"),
        "{error}"
    );
}

#[test]
fn an_origin_needs_a_place() {
    let enabled = ("origin.enabled", Value::Bool(true));
    let error = config_with(std::slice::from_ref(&enabled)).expect_err("a place in the ocean");
    assert_eq!(
        error.to_string(),
        "parameter origin.latitude_deg must be set, origin.enabled needs it"
    );
    let equator = ("origin.longitude_deg", Value::Double(-60.0));
    config_with(&[enabled, equator]).expect("a place on the equator");
}

#[test]
fn inconsistent_parameters_are_refused_with_both_values() {
    let error = config_with(&[("reconnect.initial_delay", Value::Double(40.0))])
        .expect_err("above max_delay")
        .to_string();
    for part in ["reconnect.initial_delay", "40", "reconnect.max_delay", "30"] {
        assert!(error.contains(part), "{error}");
    }
    let error = config_with(&[("ping_interval", Value::Double(10.0))])
        .expect_err("not below stall_timeout")
        .to_string();
    assert!(error.contains("stall_timeout"), "{error}");
    let error = config_with(&[("queue_max_bytes", Value::Integer(1 << 20))])
        .expect_err("below max_message_bytes")
        .to_string();
    assert!(error.contains("max_message_bytes"), "{error}");
}
