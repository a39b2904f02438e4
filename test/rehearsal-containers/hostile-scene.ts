/** The text that a script of the scene would print. The script holds it in two halves, as Blender prints refused scripts. */
export const SCRIPT_RAN = 'HOSTILE SCRIPT RAN';
export const DRIVER_RAN = 'HOSTILE DRIVER RAN';

const inHalves = (words: string): string => `'${words.slice(0, 8)}' + '${words.slice(8)}'`;

/** The folders to which the scene's File Output nodes try to write. */
export const UNWANTED_FOLDERS = ['/etc/', '/opt/spotreel/', '/spotreel/host/', '/spotreel/cache/'];

/**
 * Python that makes a scene hostile: a text block that Blender runs when it opens the file, a driver that calls Python, and
 * nodes that save pictures outside of the render.
 */
export const HOSTILE_LINES = `
text = bpy.data.texts.new('setup.py')
text.use_module = True
text.write("print(${inHalves(SCRIPT_RAN)})\\nopen('/scratch/marker', 'w').close()\\n")
cube = bpy.data.objects['Cube']
driver = cube.driver_add('location', 2).driver
driver.type = 'SCRIPTED'
driver.expression = "(print(${inHalves(DRIVER_RAN)}), 2.0)[1]"
scene.use_nodes = True
nodes, links = scene.node_tree.nodes, scene.node_tree.links
layers = nodes['Render Layers']
for folder in ${JSON.stringify(UNWANTED_FOLDERS)}:
    output = nodes.new('CompositorNodeOutputFile')
    output.base_path = folder
    links.new(layers.outputs['Image'], output.inputs[0])
`;

/** The beginning of the line with the probe's results: an object of its attempts, `true` for those that succeeded. */
export const PROBE_RESULTS = 'PROBE ';

/**
 * Python that the worker's Blender runs after its own script, in the same process. It tries what a hostile script would try
 * if it could run. Its result is one line of JSON.
 */
export function probeScript(credentialsUrl: string, emulator: URL): string {
  return `
import glob, json, os, socket, urllib.request

def attempt(deed):
    try:
        return bool(deed())
    except BaseException:
        return False

def write(folder):
    path = os.path.join(folder, "probe")
    with open(path, "w") as file:
        file.write("x")
    os.remove(path)
    return True

def environments():
    texts = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        attempt(lambda: texts.append(open(path, "rb").read()))
    return b"\\n".join(texts)

def parent_of(pid):
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])

def open_memory(pid):
    return open("/proc/%d/mem" % pid, "rb")

def fetch(url):
    return urllib.request.urlopen(url, timeout=3).read()

def connect(host, port):
    with socket.create_connection((host, port), timeout=3):
        return True

results = {
    "write into the scratch folder": attempt(lambda: write(os.environ["TMPDIR"])),
    "AWS variables": any(name.startswith("AWS_") for name in os.environ),
    "AWS variables of other processes": b"AWS_" in environments(),
    "memory of the worker": attempt(lambda: open_memory(parent_of(os.getppid()))),
    "memory of the supervisor": attempt(lambda: open_memory(os.getppid())),
    "credentials at the exact address": attempt(lambda: fetch(${JSON.stringify(credentialsUrl)})),
    "the bucket": attempt(lambda: connect(${JSON.stringify(emulator.hostname)}, ${emulator.port})),
    "the ECS agent": attempt(lambda: connect("169.254.170.2", 80)),
    "the instance metadata service": attempt(lambda: connect("169.254.169.254", 80)),
    **{"write into " + folder: attempt(lambda: write(folder)) for folder in (
        "/", "/etc", "/opt", "/opt/spotreel", "/usr/local/bin", "/var/tmp", "/spotreel", "/spotreel/host", "/spotreel/cache", "/dev/shm",
    )},
}
print("${PROBE_RESULTS}" + json.dumps(results), flush=True)
`;
}
