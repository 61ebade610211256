// Offers the browser's own way of sharing, where it has one.

const button = document.querySelector("button[data-share]");

if (button && navigator.share) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.share({ url: button.dataset.share });
    } catch {
      // Closed without sharing; the link is still there to be copied.
    }
  });
}
