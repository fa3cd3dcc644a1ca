// A square to draw a digit on with a mouse, a pen or a finger: white ink on black. What is drawn
// comes back, after each stroke, as SIDE x SIDE grey levels in hexadecimal, row by row.

const SIDE = 28

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text) node.textContent = text
  return node
}

function levels(canvas) {
  const small = document.createElement("canvas")
  small.width = small.height = SIDE
  const context = small.getContext("2d", { willReadFrequently: true })
  context.imageSmoothingEnabled = true
  context.imageSmoothingQuality = "high"
  context.drawImage(canvas, 0, 0, SIDE, SIDE)
  const { data } = context.getImageData(0, 0, SIDE, SIDE)
  let text = ""
  for (let i = 0; i < data.length; i += 4) text += data[i].toString(16).padStart(2, "0")
  return text
}

function clear(canvas) {
  const context = canvas.getContext("2d")
  context.fillStyle = "#000"
  context.fillRect(0, 0, canvas.width, canvas.height)
}

export default function (component) {
  const { parentElement, setStateValue } = component
  let canvas = parentElement.querySelector("canvas")
  if (canvas) {
    canvas._send = setStateValue
    return
  }
  canvas = make("canvas", "pad")
  canvas.width = canvas.height = 224
  canvas.setAttribute("role", "img")
  canvas.setAttribute("aria-label", "draw a digit here")
  canvas._send = setStateValue
  clear(canvas)
  const context = canvas.getContext("2d")
  const place = (event) => {
    const box = canvas.getBoundingClientRect()
    const scale = canvas.width / box.width
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale]
  }
  let last = null
  const line = (to) => {
    context.strokeStyle = "#fff"
    context.lineWidth = 19
    context.lineCap = context.lineJoin = "round"
    context.beginPath()
    context.moveTo(...last)
    context.lineTo(...to)
    context.stroke()
    last = to
  }
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId)
    last = place(event)
    line(last)
  }
  canvas.onpointermove = (event) => { if (last) line(place(event)) }
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!last) return
    last = null
    canvas._send("levels", levels(canvas))
  }
  const wipe = make("button", "wipe", "Clear")
  wipe.type = "button"
  wipe.onclick = () => {
    clear(canvas)
    canvas._send("levels", "")
  }
  parentElement.append(canvas, wipe)
}
