/** The curl command that does what the page does. */

/** `fields` are [name, text or File] as the page sends them; `output` is the file to write. For a POSIX shell. */
export function curlCommand(url, fields, output) {
  const parts = fields.map(([name, value]) => `-F ${shell(`${name}=${part(value)}`)}`);
  return [`curl --fail -o ${shell(path(output))}`, ...parts, shell(url)].join(" \\\n  ");
}

function part(value) {
  return value instanceof File ? `@${quoted(path(value.name))}` : value;
}

/** curl ends a file name at `,` or `;` unless it is quoted. */
function quoted(name) {
  return /[,;"\\]/.test(name) ? `"${name.replace(/[\\"]/g, "\\$&")}"` : name;
}

/** A name that starts with `-` would be an option, and `-` alone standard input. */
function path(name) {
  return name.startsWith("-") ? `./${name}` : name;
}

function shell(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
