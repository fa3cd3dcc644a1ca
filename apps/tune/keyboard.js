// Two octaves of piano keys. A press sounds at once and adds a note of the chosen length; what has
// been played comes back as MIDI numbers and steps of 1/24 of a quarter note: "60:24 r:12 62:12".

const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]
const BLACK = new Set([1, 3, 6, 8, 10])
const LENGTHS = [["1/16", 6], ["1/8", 12], ["1/4", 24], ["1/2", 48], ["1/1", 96]]
const WHITE = 14

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text) node.textContent = text
  return node
}

function button(className, text, label, act) {
  const node = make("button", className, text)
  node.type = "button"
  if (label) node.setAttribute("aria-label", label)
  node.onclick = act
  return node
}

const name = (pitch) => NAMES[pitch % 12] + (Math.floor(pitch / 12) - 1)

let context = null
function sound(pitch, steps) {
  context ||= new AudioContext()
  const now = context.currentTime
  const seconds = Math.min(Math.max(steps * 0.025, 0.25), 1.6)
  const tone = context.createOscillator()
  const gain = context.createGain()
  tone.type = "triangle"
  tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12)
  gain.gain.setValueAtTime(0.0001, now)
  gain.gain.exponentialRampToValueAtTime(0.32, now + 0.012)
  gain.gain.exponentialRampToValueAtTime(0.0001, now + seconds)
  tone.connect(gain).connect(context.destination)
  tone.start(now)
  tone.stop(now + seconds + 0.02)
}

function build(parent, data) {
  const root = make("div", "keyboard")
  const state = { notes: data.notes ? data.notes.split(" ") : [], steps: 12, dotted: false, low: 60 }
  const lengths = make("div", "row")
  const piano = make("div", "piano")
  const foot = make("div", "row")
  const written = make("div", "written")
  written.setAttribute("aria-live", "polite")

  const steps = () => (state.dotted ? state.steps * 1.5 : state.steps)
  const send = () => root._send("notes", state.notes.join(" ") || "-")
  const show = () => {
    for (const node of lengths.querySelectorAll("[data-steps]"))
      node.setAttribute("aria-pressed", String(Number(node.dataset.steps) === state.steps))
    dot.setAttribute("aria-pressed", String(state.dotted))
    written.replaceChildren(
      ...state.notes.slice(-24).map((note) => {
        const [pitch, long] = note.split(":")
        const node = make("span", pitch === "r" ? "rest" : "", pitch === "r" ? "–" : name(Number(pitch)))
        node.style.minWidth = Math.min(7, 0.6 + Number(long) / 14) + "rem"
        return node
      })
    )
    if (!state.notes.length) written.textContent = "Press keys: each adds a note of the chosen length."
    undo.disabled = wipe.disabled = !state.notes.length
  }
  const add = (pitch) => {
    if (state.notes.length >= data.most) return
    if (pitch !== null) sound(pitch, steps())
    state.notes.push((pitch === null ? "r" : pitch) + ":" + steps())
    show()
    send()
  }
  for (const [label, long] of LENGTHS) {
    const node = button("length", label, label + " note", () => { state.steps = long; show() })
    node.dataset.steps = long
    lengths.append(node)
  }
  const dot = button("length", "dotted", "", () => { state.dotted = !state.dotted; show() })
  lengths.append(dot, button("length", "rest", "add a rest", () => add(null)))

  const keys = () => {
    piano.replaceChildren()
    let white = 0
    for (let pitch = state.low; white < WHITE; pitch++) {
      const black = BLACK.has(pitch % 12)
      const node = button(black ? "black" : "white", pitch % 12 ? "" : name(pitch), name(pitch), () => add(pitch))
      node.style.left = (black ? white - 0.31 : white) * (100 / WHITE) + "%"
      node.style.width = (black ? 0.62 : 1) * (100 / WHITE) + "%"
      node.dataset.pitch = pitch
      if (!black) white++
      piano.append(node)
    }
    lower.disabled = state.low <= 24
    higher.disabled = state.low >= 84
  }
  const shift = (by) => { state.low += by; keys() }
  const lower = button("", "◂ lower", "an octave lower", () => shift(-12))
  const higher = button("", "higher ▸", "an octave higher", () => shift(12))
  const undo = button("", "Undo", "take the last note back", () => { state.notes.pop(); show(); send() })
  const wipe = button("", "Clear", "", () => { state.notes = []; show(); send() })
  foot.append(lower, higher, undo, wipe)
  root.append(lengths, piano, foot, written)
  parent.appendChild(root)
  keys()
  show()
  return root
}

export default function (component) {
  const { data, parentElement, setStateValue } = component
  const root = parentElement.querySelector(".keyboard") || build(parentElement, data)
  root._send = setStateValue
}
