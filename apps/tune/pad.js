// A square to pick a point of: press or drag with a mouse, a pen or a finger, or use the arrow keys.
// The point comes back when the pointer is lifted, as shares of the width and of the height.

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text) node.textContent = text
  return node
}

const STEP = 0.05
const clamp = (value) => Math.min(Math.max(value, 0), 1)

function build(parent) {
  const root = make("div", "pad")
  const marks = make("div", "marks")
  const dot = make("div", "dot")
  root.append(marks, dot)
  root.tabIndex = 0
  root.setAttribute("role", "application")
  let point = [0.5, 0.5]
  let held = false
  const show = ([x, y]) => {
    point = [clamp(x), clamp(y)]
    dot.style.left = 100 * point[0] + "%"
    dot.style.top = 100 * point[1] + "%"
  }
  const place = (event) => {
    const box = root.getBoundingClientRect()
    show([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height])
  }
  const send = () => root._send("picked", { x: point[0], y: point[1] })
  root.onpointerdown = (event) => {
    root.setPointerCapture(event.pointerId)
    held = true
    place(event)
  }
  root.onpointermove = (event) => { if (held) place(event) }
  root.onpointerup = () => { if (held) { held = false; send() } }
  root.onpointercancel = () => { held = false }
  root.onkeydown = (event) => {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key]
    if (!by) return
    event.preventDefault()
    show([point[0] + by[0], point[1] + by[1]])
    send()
  }
  root._show = (at) => { if (!held) show(at) }
  parent.appendChild(root)
  return root
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".pad") || build(parentElement)
  root._send = setTriggerValue
  root.setAttribute("aria-label", data.label)
  root.querySelector(".marks").replaceChildren(
    ...data.marks.map((mark) => {
      const node = make("span", "mark " + mark.tone + (mark.label ? " named" : ""), mark.label)
      node.style.left = 100 * mark.x + "%"
      node.style.top = 100 * mark.y + "%"
      if (mark.x > 0.7) node.classList.add("from-right")
      else if (mark.x < 0.3) node.classList.add("from-left")
      if (mark.y > 0.9) node.classList.add("from-below")
      else if (mark.y < 0.1) node.classList.add("from-above")
      if (mark.title) node.title = mark.title
      return node
    })
  )
  root._show(data.at)
}
