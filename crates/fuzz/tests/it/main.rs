//! The corpus of every target is replayed, and changed at random for a moment. The seed is fixed,
//! so that the tests of one commit find the same every time; `cargo xtask fuzz` goes on looking.

use std::panic::{AssertUnwindSafe, catch_unwind};

use squall_fuzz::{Target, corpus, mutate::Mutator, targets};

/// Changed inputs for each target, in a build without optimization.
const CHANGED: usize = 400;

/// Runs one input; a failure says which, so that it can go to the corpus.
fn run(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        println!("add this to {}:\n{}", corpus::path(target.name).display(), corpus::escape(input));
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn every_input_of_every_corpus_is_fine() {
    for target in targets::ALL {
        let inputs = corpus::read(target.name).expect("every target has a corpus");
        assert!(!inputs.is_empty(), "{} has an empty corpus", target.name);
        inputs.iter().for_each(|input| run(target, input));
    }
}

#[test]
fn inputs_near_the_corpus_are_fine() {
    for target in targets::ALL {
        let inputs = corpus::read(target.name).expect("every target has a corpus");
        let mut mutator = Mutator::new(&inputs, target.words, 1);
        (0..CHANGED).for_each(|_| run(target, &mutator.next_input()));
    }
}

#[test]
fn no_corpus_is_left_without_its_target() {
    let folder = corpus::path("x").with_file_name("");
    for entry in std::fs::read_dir(folder).expect("the corpus is there").flatten() {
        let name = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(squall_fuzz::find(&name).is_some(), "{name} is the corpus of no target");
    }
}
