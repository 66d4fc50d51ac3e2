const slider = document.getElementById("slider");
const links = document.querySelectorAll(".strip a");
if (slider) slider.oninput = () => {
  const chosen = links[slider.max - slider.value];  // The newest comes first.
  const name = chosen.getAttribute("href");
  const step = chosen.dataset.step;
  document.getElementById("sample").src = name;
  document.getElementById("sample").alt = "Sample grid of step " + step;
  document.getElementById("link").href = name;
  document.getElementById("step").value = step;
};
// Nobody who looks at an old sample is thrown back to the newest.
if (document.querySelector(".running")) setTimeout(() => {
  if (!slider || slider.value === slider.max) location.reload();
}, 30000);
