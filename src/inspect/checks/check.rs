//! A check of an image.

use crate::inspect::facts::ImageFacts;
use crate::inspect::finding::Rule as CheckOf;

pub(super) type Check = CheckOf<ImageFacts>;
