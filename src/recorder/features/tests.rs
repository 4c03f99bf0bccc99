use super::*;
use crate::recorder::test_config;

#[test]
fn options_of_each_distribution_are_found() {
    let humble = RecorderFeatures {
        mcap: true,
        storage_config: true,
        ..RecorderFeatures::default()
    };
    assert_eq!(RecorderFeatures::parse(samples::HUMBLE), humble);
    let presets = ["none", "fastwrite", "zstd_fast", "zstd_small"];
    let jazzy = RecorderFeatures {
        presets: presets.map(str::to_owned).into(),
        node_name: true,
        keyboard_switch: true,
        custom_data: true,
        exclude_regex: true,
        adaptive_qos: true,
        ..humble
    };
    assert_eq!(RecorderFeatures::parse(samples::JAZZY), jazzy);
    let lyrical = RecorderFeatures {
        max_bag_files: true,
        repeat_transient_local: true,
        max_cache_bytes: Some(4_294_967_295),
        ..jazzy
    };
    assert_eq!(RecorderFeatures::parse(samples::LYRICAL), lyrical);
    assert_eq!(RecorderFeatures::parse(""), RecorderFeatures::default());
}

#[test]
fn an_option_that_is_only_mentioned_is_not_offered() {
    let help = "\
options:
  --storage-preset-profile PRESET
                        is overridden by
                        --storage-config-file
  -q, --quiet           replaces --node-name
  --max-bag-files-in-total N
                        limit
";
    assert_eq!(RecorderFeatures::parse(help), RecorderFeatures::default());
}

#[test]
fn colored_help_texts_are_understood() {
    let colored = samples::LYRICAL
        .replace("--", "\x1b[1;36m--")
        .replace(' ', "\x1b[0m \x1b[32m");
    assert_eq!(
        RecorderFeatures::parse(&colored),
        RecorderFeatures::parse(samples::LYRICAL)
    );
}

#[test]
fn what_is_not_installed_is_refused_with_the_cure() {
    let mut config = test_config();
    let jazzy = RecorderFeatures::parse(samples::JAZZY);
    assert_eq!(jazzy.check(&config), Ok(()));
    let without = samples::JAZZY.replace("mcap,sqlite3", "sqlite3");
    let reason = RecorderFeatures::parse(&without).check(&config);
    assert!(reason.is_err_and(|reason| reason.contains("apt install")));
    config.storage_preset = Some("fastest".to_owned());
    let reason = jazzy.check(&config).expect_err("refused");
    assert!(
        reason.contains("fastest") && reason.contains("zstd_small"),
        "{reason}"
    );
    // The names of the presets are not in the help text.
    assert_eq!(
        RecorderFeatures::parse(samples::HUMBLE).check(&config),
        Ok(())
    );
}

#[test]
fn a_cache_that_is_too_large_for_the_recorder_is_refused() {
    let mut config = test_config();
    config.max_cache_bytes = 1 << 32;
    let jazzy = RecorderFeatures::parse(samples::JAZZY);
    assert_eq!(jazzy.check(&config), Ok(()));
    let lyrical = RecorderFeatures::parse(samples::LYRICAL);
    assert_eq!(
        lyrical.check(&config).expect_err("refused"),
        "max_cache_bytes: the stock recorder accepts no more than 4294967295 bytes, got 4294967296; set it lower"
    );
    config.max_cache_bytes -= 1;
    assert_eq!(lyrical.check(&config), Ok(()));
}
