//! The manifest: what a journal is the journal of, so that it is not gone on with for another list or other options.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the format that this crate writes; docs/journal.md describes it.
pub const FORMAT: u32 = 2;

/// What a run was asked to do, as far as its records depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub(crate) format: u32,
    /// Tells this journal's lines from those of any other.
    pub(crate) id: u64,
    /// What hashes of secrets are salted with.
    pub salt: String,
    /// The options, by name, in the words of the user.
    pub options: BTreeMap<String, String>,
    /// The lists, in order, as they were named.
    pub inputs: Vec<String>,
    /// Its first records are those of an output, of whose lists nothing else is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_imported: bool,
}

impl Manifest {
    /// `id` is a random number.
    pub fn new(id: u64, salt: String, options: BTreeMap<String, String>, inputs: Vec<String>) -> Manifest {
        // What JSON readers that know numbers as doubles can hold.
        Manifest { format: FORMAT, id: id >> 11, salt, options, inputs, is_imported: false }
    }

    /// What the journal's run can be known by elsewhere, however often it is gone on with.
    pub fn name(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// What keeps a run that is asked for `other` from going on with this journal. More inputs after the same ones are
    /// no difference.
    pub fn differences(&self, other: &Manifest) -> Vec<Difference> {
        let names: std::collections::BTreeSet<&String> =
            self.options.keys().chain(other.options.keys()).collect();
        let options = names.into_iter().filter_map(|name| {
            let (was, is) = (self.options.get(name), other.options.get(name));
            (was != is).then(|| Difference { name: name.clone(), was: was.cloned(), is: is.cloned() })
        });
        let inputs = self.inputs.iter().enumerate().filter_map(|(number, was)| {
            let is = other.inputs.get(number);
            (is != Some(was)).then(|| Difference {
                name: format!("input {}", number + 1),
                was: Some(was.clone()),
                is: is.cloned(),
            })
        });
        options.chain(inputs).collect()
    }
}

/// Something that a run asks for and its journal does not have, or has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The option, or which input.
    pub name: String,
    /// In the journal.
    pub was: Option<String>,
    /// As it is asked for now.
    pub is: Option<String>,
}

/// How far a list has been read: that many bytes with that checksum (CRC-32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Bytes from the beginning.
    pub bytes: u64,
    /// Their CRC-32.
    pub checksum: u32,
    /// The list had no more.
    pub is_whole: bool,
}

impl Extent {
    /// Of two of one list, the one that is further says more.
    pub fn reach(&self) -> (u64, bool) {
        (self.bytes, self.is_whole)
    }
}
