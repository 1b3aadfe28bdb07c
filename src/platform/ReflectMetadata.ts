// Imported beside the polyfill itself, before the certificate library. From source, CommonJS modules run when they are
// loaded, so the direct import counts; in the executable they run when they are first needed, so this one does.
import "reflect-metadata"
