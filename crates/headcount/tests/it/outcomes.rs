//! Each temperament of the small web gets its right outcome, phase and kind.
