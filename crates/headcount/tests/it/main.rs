//! Tests of the engine through its public interface, in folders that mirror `src/`.

mod probe;
