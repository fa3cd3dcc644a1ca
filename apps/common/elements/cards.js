// Draws cards and reports clicks. A card whose content has not changed keeps its element, so that a
// page that is rerun does not flicker. Texts come from a model: they are only set as text.

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined && text !== null) node.textContent = text
  return node
}

async function copy(text, button) {
  let done = true
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    const field = make("textarea")
    field.value = text
    field.style.position = "fixed"
    field.style.opacity = "0"
    document.body.appendChild(field)
    field.select()
    done = document.execCommand("copy")
    field.remove()
  }
  button.textContent = done ? "Copied" : "Select it"
  setTimeout(() => { button.textContent = "Copy" }, 1200)
}

function picture(card) {
  const area = make("div", "picture")
  if (card.picture) {
    const image = make("img")
    image.src = card.picture.startsWith("data:image/png;base64,")
      ? card.picture
      : "data:image/svg+xml;charset=utf-8," + encodeURIComponent(card.picture)
    image.alt = card.alt || card.text
    image.decoding = "async"
    area.appendChild(image)
  } else if (card.pieces.length) {
    area.classList.add("pieces", card.face)
    const text = make("pre")
    for (const [part, colour] of card.pieces) {
      const span = make("span", "", part)
      span.style.color = colour
      text.appendChild(span)
    }
    area.appendChild(text)
  } else if (card.caret) {
    area.classList.add("broken")
    area.appendChild(make("pre", "", card.caret.join("\n")))
  } else {
    return null
  }
  return area
}

function values(card) {
  const list = make("dl", "values")
  for (const [name, value, about] of card.values) {
    const pair = make("div")
    if (about) pair.title = about
    pair.append(make("dt", "", name), make("dd", "", value))
    list.appendChild(pair)
  }
  return list
}

function chips(card) {
  const row = make("div", "chips")
  for (const chip of card.chips) {
    const node = make("span", "chip " + chip.tone, chip.text)
    if (chip.title) node.title = chip.title
    row.appendChild(node)
  }
  return row
}

function copyButton(text) {
  const button = make("button", "copy", "Copy")
  button.type = "button"
  button.setAttribute("aria-label", "Copy " + text)
  button.onclick = () => copy(text, button)
  return button
}

function textLine(card) {
  const line = make("div", "line")
  const code = make("code", "", card.text)
  code.title = card.text
  line.append(code, copyButton(card.text))
  return line
}

function headingLine(card) {
  if (!card.copied) return make("div", "heading", card.heading)
  const line = make("div", "line")
  line.append(make("div", "heading wide", card.heading), copyButton(card.copied))
  return line
}

function build(card, send) {
  const node = make("article", "card" + (card.selected ? " selected" : ""))
  const area = picture(card)
  if (area) {
    node.appendChild(area)
    if (card.pick) {
      area.classList.add("pickable")
      area.tabIndex = 0
      area.setAttribute("role", "button")
      area.title = card.pick
      area.onclick = () => send(card.id, "pick")
      area.onkeydown = (event) => { if (event.key === "Enter") send(card.id, "pick") }
    }
  }
  const body = make("div", "body")
  if (card.heading || card.copied) body.appendChild(headingLine(card))
  if (card.reason) body.appendChild(make("p", "reason", card.reason))
  if (card.text) body.appendChild(textLine(card))
  if (card.values.length) body.appendChild(values(card))
  if (card.chips.length) body.appendChild(chips(card))
  if (card.actions.length) {
    const row = make("div", "actions")
    for (const [name, label, about] of card.actions) {
      const button = make("button", "", label)
      button.type = "button"
      button.title = about
      button.onclick = () => send(card.id, name)
      row.appendChild(button)
    }
    body.appendChild(row)
  }
  node.appendChild(body)
  return node
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  let root = parentElement.querySelector(".cards")
  if (!root) {
    root = make("div", "cards")
    parentElement.appendChild(root)
  }
  root._send = (id, action) => setTriggerValue("picked", { id, action })
  const send = (id, action) => root._send(id, action)
  root.className = "cards " + data.layout
  root.style.setProperty("--card-width", data.width + "px")
  const before = new Map(Array.from(root.children, (node) => [node._signature, node]))
  const after = data.cards.map((card) => {
    const signature = JSON.stringify(card)
    const kept = before.get(signature)
    if (kept) {
      before.delete(signature)
      return kept
    }
    const node = build(card, send)
    node._signature = signature
    return node
  })
  root.replaceChildren(...after)
  if (data.layout.startsWith("strip")) {
    const chosen = root.querySelector(".selected")
    if (chosen) {
      const middle = chosen.offsetLeft - root.offsetLeft - (root.clientWidth - chosen.clientWidth) / 2
      root.scrollTo({ left: middle, behavior: "smooth" })
    }
  }
}
