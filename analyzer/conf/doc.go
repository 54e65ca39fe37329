// Package conf reads configuration strictly and says everything that is wrong
// with it at once.
//
// [Parse] reads one YAML document and keeps where each value was written.
// [Document.Decode] puts it into plain structs with `yaml:"name"` tags: an
// unknown or repeated key, a value of the wrong type, a second document are
// [Problem] values with file, line, column and a hint, and none hides another.
// Structs that implement [Validator] check themselves and get positions for
// their findings. [Load] composes a configuration from flags, environment,
// file and defaults, in this order of precedence, and remembers where each
// value came from; [Print] writes the result back with secrets masked.
//
// The package promises: no secret (a field tagged `secret:"true"`, the
// password of a URL, a JWT) appears in a problem or in printed configuration;
// quoted input is escaped; hostile input costs bounded time and memory.
//
// It knows nothing of why401 but the prefix of its environment variables.
package conf
