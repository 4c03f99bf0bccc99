//! Ends the process when nothing else does.
//!
//! An orderly end waits for threads and for the middleware. If one of them is what is broken, that end never comes,
//! and the node would go on existing, deaf: no supervisor starts again what has not ended.

use std::panic;
use std::time::Duration;

use crate::console;

pub(super) use console::end_at_once;

/// After a panic or a fatal error an orderly end may take this long.
pub(super) const AFTER_AN_ERROR: Duration = Duration::from_millis(1500);
/// After SIGINT or SIGTERM, which is to end within two seconds, it may take this long on a machine that is starved:
/// less than it takes `ros2 launch` to lose its patience.
pub(super) const AFTER_A_SIGNAL: Duration = Duration::from_secs(8);

/// Of errors that starting again may mend.
pub(super) const BROKEN: u8 = 1;

/// Ends the process with that exit code when `limit` has passed, unless it has ended by then.
pub(super) fn arm(limit: Duration, exit_code: u8) {
    let expire = move || {
        std::thread::sleep(limit);
        console::say(&format!(
            "sensr_bridge: still not ended after {limit:?}, ending at once"
        ));
        end_at_once(exit_code);
    };
    if std::thread::Builder::new()
        .name("last-resort".to_owned())
        .spawn(expire)
        .is_err()
    {
        end_at_once(exit_code);
    }
}

/// From now on a panic in any thread ends the process, one way or the other.
pub(super) fn arm_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        arm(AFTER_AN_ERROR, BROKEN);
        report(info);
    }));
}
