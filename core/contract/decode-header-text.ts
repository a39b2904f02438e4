/** One encoded word of RFC 2047: charset, `B` or `Q`, text. */
const ENCODED_WORD = /=\?([\w-]+)\?([BbQq])\?([^? ]*)\?=/g;

/** RFC 8187: `UTF-8''` and percent-encoded text, as HTTP's own headers carry it (`filename*=`). */
const EXTENDED_VALUE = /^utf-8'[\w-]*'(.*)$/is;

/**
 * The text of an HTTP header's value, which is US-ASCII on its way. S3 hands out metadata that is not as encoded
 * words of RFC 2047 (by the documentation: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html),
 * and a person can write `UTF-8''%C3%9C` (RFC 8187). Anything else is taken as it stands: a bare `%20` is three
 * characters, and what can't be decoded stays as it is.
 */
export function decodeHeaderText(value: string): string {
  const extended = EXTENDED_VALUE.exec(value)?.[1];
  if (extended !== undefined) return decodePercent(extended) ?? value;
  // White space between two encoded words is no part of the text.
  return value
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(ENCODED_WORD, (word, charset: string, encoding: string, text: string) => {
      const bytes = encoding.toUpperCase() === 'B' ? Buffer.from(text, 'base64') : quotedBytes(text);
      return decodeBytes(bytes, charset) ?? word;
    });
}

function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The `Q` encoding: `_` is a space, `=C3` a byte. */
function quotedBytes(text: string): Buffer {
  const bytes = text
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}

function decodeBytes(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
