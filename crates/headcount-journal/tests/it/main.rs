//! What users of a journal can rely on, on a disk that fails in every way.

mod damage;
mod faults;
mod faulty_disk;
mod folder;
mod folder_of_others;
mod intents;
mod script;
