// Dialogs: opening, a blank scene, export, keys.
