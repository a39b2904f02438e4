/** How options name an OpenColorIO configuration: a path from the scene's folder, or a name of one that OpenColorIO has built in. */
const BUILT_IN = /^ocio:\/\/[\w.+-]{1,200}$/;
// oxlint-disable-next-line no-control-regex -- control characters are the subject
const FILE = /^\/\/(?!\/)[^\\\u0000-\u001f\u007f-\u009f]*[^/\\\u0000-\u001f\u007f-\u009f]\.ocioz?$/i;

/** For messages. */
export const OCIO_ALLOWED =
  'a .ocio or .ocioz file by its path from the folder of the scene, such as colors/config.ocio, or ocio://NAME';

/** Whether `text` is the option `ocio` as plans have it: `//colors/config.ocio` or `ocio://cg-config-latest`. Pure. */
export const isOcio = (text: string): boolean => BUILT_IN.test(text) || FILE.test(text);

/** Whether the option names a configuration of OpenColorIO's own, which is no file. Pure. */
export const isBuiltInOcio = (ocio: string): boolean => BUILT_IN.test(ocio);

/** The option as users write it in metadata, where `//` may be left out; the schema judges the result. Pure. */
export function ocioOf(text: string): string {
  return text.startsWith('/') || text.startsWith('ocio://') ? text : `//${text.replace(/^(\.\/)+/, '')}`;
}
