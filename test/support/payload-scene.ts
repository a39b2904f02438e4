import { makeScene } from './blender';

/** Flags that let a payload run at all: without them Spotreel removes the style modules before it renders. */
export const ALLOW_SCRIPTS: readonly string[] = ['--allow-scripts'];

/**
 * Makes a scene whose Freestyle style module is the Python `payload`. Blender runs it while it renders a frame, in the process that
 * holds the worker's pipes.
 */
export function payloadScene(path: string, payload: string, frameEnd = 2): Promise<string> {
  return makeScene(
    path,
    `
scene.frame_end = ${frameEnd}
scene.render.use_freestyle = True
settings = scene.view_layers[0].freestyle_settings
settings.mode = 'SCRIPT'
text = bpy.data.texts.new('style')
text.write(${JSON.stringify(payload)})
module = settings.modules.new()
module.script = text
module.use = True
`,
  );
}
