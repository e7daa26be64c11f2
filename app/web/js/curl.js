/** The curl command that does what the page does. */

/**
 * For a POSIX shell. `fields` are [name, text or File] as the page sends them; `output` is the file to write.
 * Where a key is needed the shell takes it from a variable: a command is easily passed on.
 */
export function curlCommand(url, fields, output, needsKey = false) {
  const parts = fields.map(([name, value]) => `-F ${shell(`${name}=${part(value)}`)}`);
  const key = needsKey ? ['-H "X-Api-Key: $CUTOUT_API_KEY"'] : [];
  return ["curl --fail-with-body", `-o ${shell(path(output))}`, ...key, ...parts, shell(url)].join(" \\\n  ");
}

function part(value) {
  return value instanceof File ? `@${quoted(path(value.name), /[,;"\\]/)}` : quoted(value, /[;"]/);
}

/** curl ends a file name at `,` or `;`, and text at `;`, unless it is quoted. */
function quoted(text, special) {
  return special.test(text) ? `"${text.replace(/[\\"]/g, "\\$&")}"` : text;
}

/** A name that starts with `-` would be an option, and `-` alone standard input. */
function path(name) {
  return name.startsWith("-") ? `./${name}` : name;
}

function shell(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
