//! What `make fuzz` feeds bytes to: a target a file. `make test` replays the inputs in `corpus/`, a folder for each target.
//!
//! A target takes any bytes, and panics where the service does what it never should. Its inputs are text, so that one can
//! read them.

mod accept_language;
mod address;
mod item;
mod link;
mod request;
mod request_code;
mod secret;
mod stage;
mod verify_code;

/// What an input is fed to.
type Target = fn(&[u8]);

/// The targets by their names.
pub(crate) const TARGETS: [(&str, Target); 7] = [
    ("accept-language", accept_language::run),
    ("address", address::run),
    ("item", item::run),
    ("link", link::run),
    ("request-code", request_code::run),
    ("secret", secret::run),
    ("verify-code", verify_code::run),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

    use super::{TARGETS, Target};
    use crate::harness::event;

    /// The inputs of a target that find a fault.
    fn finds(target: &str, run: Target) -> Vec<PathBuf> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let events = target.ends_with("-code").then(|| event::folder().to_owned());
        let folders = [Some(corpus), events].into_iter().flatten();
        let inputs = folders.flat_map(|folder| fs::read_dir(folder).expect("a folder"));
        let inputs = inputs.map(|input| input.expect("a file").path());
        inputs
            .filter(|input| input.is_file())
            .filter(|input| {
                let bytes = fs::read(input).expect("an input");
                catch_unwind(|| run(&bytes)).is_err()
            })
            .collect()
    }

    #[test]
    fn no_input_finds_a_fault() {
        // Each in a thread of its own, where its services are as it prepares them.
        let replays = TARGETS.map(|(target, run)| std::thread::spawn(move || finds(target, run)));
        let finds = replays.map(|replay| replay.join().expect("a folder of inputs"));
        assert_eq!(finds.concat(), Vec::<PathBuf>::new());
    }
}
