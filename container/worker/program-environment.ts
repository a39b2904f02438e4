/** What Blender, ffmpeg and the libraries that they load may know of the worker's environment. */
const PASSED_ON = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'OCIO', 'TZ'];

/** The same for a container that has GPUs: NVIDIA's libraries look for these. */
const FAMILIES_PASSED_ON = /^(CUDA|NVIDIA)_/;

/**
 * The environment of a program that opens what users upload: a short list of what it needs, so that no credentials,
 * present or future, come near a scene's scripts. `folder` is its home and temporary folder, which it may write to.
 */
export function programEnvironment(environment: NodeJS.ProcessEnv, folder: string): NodeJS.ProcessEnv {
  const passed = Object.entries(environment).filter(
    ([name]) => PASSED_ON.includes(name) || FAMILIES_PASSED_ON.test(name),
  );
  return { ...Object.fromEntries(passed), HOME: folder, TMPDIR: folder };
}
