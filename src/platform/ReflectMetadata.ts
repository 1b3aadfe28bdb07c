// Imported before the certificate library. In the executable a CommonJS module that is imported directly would be run
// after it; one behind a module of ours is run in the order of the imports.
import "reflect-metadata"
