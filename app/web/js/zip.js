/** ZIP archives without compression: images are compressed already. After PKWARE's APPNOTE 6.3, sections 4.3 and 4.4. */

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
const UTF8 = 0x0800;
const FIRST_DAY = new Date(1980, 0, 1); // of the format's calendar
const LIMIT = 2 ** 32 - 1;

/**
 * A ZIP of `entries`, each `{name, blob, date}`. Names must differ from each other.
 * Throws RangeError where the archive would need ZIP64: beyond 4 GiB or 65,535 entries.
 */
export async function zip(entries) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob, date } of entries) {
    const bytes = new TextEncoder().encode(name);
    const about = { crc: crc32(new Uint8Array(await blob.arrayBuffer())), size: blob.size, date, bytes };
    const header = record(LOCAL, [[2, VERSION], ...common(about)], bytes);
    directory.push(record(CENTRAL, [[2, VERSION], [2, VERSION], ...common(about), ...located(offset)], bytes));
    parts.push(header, blob);
    offset += header.length + blob.size;
  }
  const length = directory.reduce((sum, item) => sum + item.length, 0);
  if (entries.length > 0xffff || offset + length > LIMIT) throw new RangeError("too much for one ZIP archive");
  const count = entries.length;
  const end = record(END, [[2, 0], [2, 0], [2, count], [2, count], [4, length], [4, offset], [2, 0]]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** CRC-32 (ISO 3309) of bytes. */
export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  for (let bit = 0; bit < 8; bit++) index = index & 1 ? (index >>> 1) ^ 0xedb88320 : index >>> 1;
  return index;
});

function common({ crc, size, date, bytes }) {
  const [time, day] = dos(date);
  return [[2, UTF8], [2, 0], [2, time], [2, day], [4, crc], [4, size], [4, size], [2, bytes.length], [2, 0]];
}

function located(offset) {
  return [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
}

/** A record: its signature, fields of [bytes, value] little-endian, then `tail`. */
function record(signature, fields, tail = new Uint8Array()) {
  const sized = [[4, signature], ...fields];
  const length = sized.reduce((sum, [size]) => sum + size, 0);
  const bytes = new Uint8Array(length + tail.length);
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const [size, value] of sized) {
    if (size === 2) view.setUint16(position, value, true);
    else view.setUint32(position, value, true);
    position += size;
  }
  bytes.set(tail, length);
  return bytes;
}

/** Time and day as MS-DOS writes them, two seconds precise. */
function dos(date = new Date()) {
  const when = date < FIRST_DAY ? FIRST_DAY : date;
  const time = (when.getHours() << 11) | (when.getMinutes() << 5) | (when.getSeconds() >> 1);
  const day = ((when.getFullYear() - 1980) << 9) | ((when.getMonth() + 1) << 5) | when.getDate();
  return [time, day];
}
