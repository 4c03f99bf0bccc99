use super::super::test_machine::TestMachine;
use super::*;
use crate::check::finding::Verdict;

const FILE: &str = "/etc/profile.xml";

fn machine(profile: &str) -> TestMachine {
    let machine = TestMachine::new();
    machine.write(FILE, profile);
    machine
}

fn profile_finding(machine: &TestMachine, variables: &[(&str, &str)]) -> Finding {
    let finding = check(&machine.system_with(variables))
        .pop()
        .expect("a finding");
    assert_eq!(finding.subject, "dds profile");
    finding
}

fn package_profile() -> TestMachine {
    machine(include_str!("../../../../config/fastdds_shm.xml"))
}

#[test]
fn the_profile_in_force_is_that_of_the_variable_of_the_distribution() {
    let machine = package_profile();
    let old = (OLD_VARIABLE, FILE);
    let new = (NEW_VARIABLE, FILE);
    let jazzy = ("ROS_DISTRO", "jazzy");
    let kilted = ("ROS_DISTRO", "kilted");
    for variables in [[old, jazzy], [old, kilted], [new, kilted]] {
        let finding = profile_finding(&machine, &variables);
        assert_eq!(finding.verdict, Verdict::Pass, "{variables:?}");
        assert!(
            finding.message.starts_with("/etc/profile.xml ("),
            "{}",
            finding.message
        );
    }
    let finding = profile_finding(&machine, &[new, jazzy]);
    assert_eq!(finding.verdict, Verdict::Warn);
    assert!(
        finding.message.contains("has no effect in jazzy"),
        "{}",
        finding.message
    );
    assert_eq!(
        finding.cure,
        "export FASTRTPS_DEFAULT_PROFILES_FILE='/etc/profile.xml'"
    );
}

#[test]
fn the_transports_of_the_profile_in_force_are_told() {
    let told = |profile: &str| {
        let finding = profile_finding(&machine(profile), &[(OLD_VARIABLE, FILE)]);
        assert_eq!(finding.verdict, Verdict::Pass);
        finding.message
    };
    let network = told(include_str!("../../../../config/fastdds_shm.xml"));
    assert!(
        network.ends_with(": shared memory and network"),
        "{network}"
    );
    for profile in [
        include_str!("../../../../config/fastdds_machine.xml"),
        include_str!("../../../../config/fastdds_machine_subscriber.xml"),
    ] {
        let message = told(profile);
        assert!(message.contains(": shared memory only, "), "{message}");
    }
    let other = |content: &str| {
        told(&format!(
            "<dds><participant is_default_profile=\"true\">{content}</participant></dds>"
        ))
    };
    assert!(other("").ends_with(": the default transports"));
    let own = "<useBuiltinTransports>false</useBuiltinTransports>";
    assert!(other(&format!("{own}<type>TCPv4</type>")).ends_with(": network only"));
    assert!(other(own).ends_with(": no transport that this check knows"));
}

#[test]
fn a_profile_that_is_missing_or_broken_fails() {
    let missing = profile_finding(&machine("<dds/>"), &[(OLD_VARIABLE, "/nowhere.xml")]);
    assert_eq!(missing.verdict, Verdict::Fail);
    assert!(
        missing.message.contains("cannot be read"),
        "{}",
        missing.message
    );
    let broken = profile_finding(
        &machine("<profiles>\n<participant>"),
        &[(OLD_VARIABLE, FILE)],
    );
    assert_eq!(broken.verdict, Verdict::Fail);
    assert!(broken.message.contains("line 2"), "{}", broken.message);
    let other = profile_finding(&machine("<html/>"), &[(OLD_VARIABLE, FILE)]);
    assert!(
        other.message.contains("not profiles or dds"),
        "{}",
        other.message
    );
}

#[test]
fn a_profile_that_no_participant_uses_is_a_warning() {
    let machine = machine("<profiles><participant profile_name=\"x\"/></profiles>");
    let finding = profile_finding(&machine, &[(OLD_VARIABLE, FILE)]);
    assert_eq!(finding.verdict, Verdict::Warn);
    assert!(
        finding.message.contains("is_default_profile"),
        "{}",
        finding.message
    );
}

#[test]
fn without_a_profile_the_transports_are_told() {
    let machine = TestMachine::new();
    let none = profile_finding(&machine, &[("ROS_DISTRO", "jazzy")]);
    assert_eq!(none.verdict, Verdict::Pass);
    assert!(none.message.contains(OLD_VARIABLE), "{}", none.message);
    let verdict = |value| profile_finding(&machine, &[(TRANSPORTS, value)]).verdict;
    assert_eq!(verdict("UDPv4"), Verdict::Pass);
    assert_eq!(verdict("LARGE_DATA?max_msg_size=200KB"), Verdict::Pass);
    assert_eq!(verdict("TCP"), Verdict::Warn);
}

#[test]
fn shared_memory_is_used_unless_transports_or_profile_exclude_it() {
    let uses = |machine: &TestMachine, variables: &[(&str, &str)]| {
        uses_shared_memory(&machine.system_with(variables))
    };
    let package = package_profile();
    assert!(uses(&package, &[]));
    assert!(uses(
        &package,
        &[(OLD_VARIABLE, FILE), (TRANSPORTS, "UDPv4")]
    ));
    assert!(!uses(&package, &[(TRANSPORTS, "UDPv4")]));
    assert!(uses(
        &package,
        &[(TRANSPORTS, "LARGE_DATA?max_msg_size=200KB")]
    ));
    assert!(!uses(&package, &[("RMW_IMPLEMENTATION", "rmw_zenoh_cpp")]));
    let udp = machine(
        "<profiles><participant is_default_profile=\"true\"><rtps>\
         <useBuiltinTransports> false </useBuiltinTransports></rtps></participant></profiles>",
    );
    assert!(!uses(&udp, &[(OLD_VARIABLE, FILE)]));
}

#[test]
fn the_configuration_of_cyclone_dds_of_the_package_is_well_formed() {
    let machine = machine(include_str!("../../../../config/cyclonedds.xml"));
    let variables = [
        ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp"),
        ("CYCLONEDDS_URI", "file:///etc/profile.xml"),
    ];
    let finding = profile_finding(&machine, &variables);
    assert_eq!(finding.verdict, Verdict::Pass, "{}", finding.message);
}

#[test]
fn other_middleware_is_named() {
    let machine = machine("<CycloneDDS/>");
    let cyclone = ("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp");
    let verdict = |uri| profile_finding(&machine, &[cyclone, ("CYCLONEDDS_URI", uri)]).verdict;
    assert_eq!(profile_finding(&machine, &[cyclone]).verdict, Verdict::Pass);
    assert_eq!(verdict("file:///etc/profile.xml"), Verdict::Pass);
    assert_eq!(
        verdict("<CycloneDDS><Domain a=\"1,2\"/></CycloneDDS>"),
        Verdict::Pass
    );
    assert_eq!(
        verdict("file:///etc/profile.xml,/nowhere.xml"),
        Verdict::Fail
    );
    assert_eq!(verdict("<CycloneDDS>"), Verdict::Fail);
    let first = |name| check(&machine.system_with(&[("RMW_IMPLEMENTATION", name)])).remove(0);
    assert!(first("rmw_zenoh_cpp").message.contains("rmw_zenohd"));
    assert_eq!(first("rmw_x").verdict, Verdict::Warn);
    let default = check(&TestMachine::new().system()).remove(0);
    assert_eq!(default.message, "rmw_fastrtps_cpp (the default of ROS)");
}
