//! Where a recipe names what it installs and runs, so that a failed build can point to the line.

use crate::document::Location;

/// The locations of names in a recipe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipePlaces {
    /// Of packages.
    pub(super) packages: Vec<(String, Location)>,
    /// Of scripts, by their paths in the folder of recipes.
    pub(super) scripts: Vec<(String, Location)>,
}

impl RecipePlaces {
    /// Where the recipe names this package.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Location> {
        self.packages.iter().find(|(known, _)| known == name).map(|(_, location)| location)
    }

    /// The scripts with their locations.
    pub fn scripts(&self) -> impl Iterator<Item = (&str, &Location)> {
        self.scripts.iter().map(|(path, location)| (path.as_str(), location))
    }
}
