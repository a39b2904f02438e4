/** What Blender and the libraries that it loads may know of the worker's environment. */
const PASSED_ON = ['PATH', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'OCIO', 'TZ'];

/**
 * Blender's environment: a short list of what it needs, so that no credentials, present or future, come near a
 * scene's scripts. Home and temporary folder lie in the worker's scratch folder.
 */
export function blenderEnvironment(environment: NodeJS.ProcessEnv, scratch: string): NodeJS.ProcessEnv {
  const passed = PASSED_ON.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), HOME: scratch, TMPDIR: scratch };
}
