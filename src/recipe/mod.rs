//! Room: recipe.
