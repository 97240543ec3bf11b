//! How the files are read that a workshop file names.

use std::sync::Arc;

use crate::document::Source;

/// How the reader of a workshop gets at the files that it names: by the name as it is written, to the text or to the
/// reason why there is none.
pub type FileReader<'a> = &'a dyn Fn(&str) -> Result<Arc<Source>, String>;
